import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMutant } from './parse-mutant.ts';

const change = '--- a/libs/jobs/src/a.ts\n+++ b/libs/jobs/src/a.ts\n@@ -1 +1 @@\n-one: 1\n+two: 2\n';
const head = 'bug: It counts twice.\nbreaks: a pull is counted once\n';

test('the head of a patch describes the bug, and its changes give the files', () => {
  const other = '--- a/libs/jobs/src/b.lua\n+++ b/libs/jobs/src/b.lua\n@@ -1 +1 @@\n-three\n+four\n';
  const patch = `${head}reverses: jobs: count once\nreaches: test/a test/b.test.ts\n${change}${other}`;
  assert.deepEqual(parseMutant('001-twice', patch), {
    name: '001-twice',
    bug: 'It counts twice.',
    breaks: 'a pull is counted once',
    reverses: 'jobs: count once',
    reaches: ['test/a', 'test/b.test.ts'],
    files: ['libs/jobs/src/a.ts', 'libs/jobs/src/b.lua'],
    patch,
  });
});

test('a bug that never existed reverses nothing, and need not name tests', () => {
  const { reverses, reaches } = parseMutant('101-twice', head + change);
  assert.deepEqual({ reverses, reaches }, { reverses: undefined, reaches: [] });
});

for (const [what, patch, message] of [
  ['no change', head, '101-x.patch has no change'],
  ['no bug', `breaks: a promise\n${change}`, '101-x.patch has no "bug"'],
  ['no broken promise', `bug: It leaks.\n${change}`, '101-x.patch has no "breaks"'],
  ['a key twice', `${head}bug: Another.\n${change}`, '101-x.patch has "bug" twice'],
  [
    'an unknown key',
    `${head}author: me\n${change}`,
    /^101-x\.patch has a line in its head with none of the keys .*: author: me$/,
  ],
  ['a key without a value', `${head}reaches:\n${change}`, /: reaches:$/],
] as const)
  test(`a patch with ${what} is rejected`, () => {
    assert.throws(() => parseMutant('101-x', patch), { message });
  });
