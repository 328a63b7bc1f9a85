import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runTestFile } from './run-test-file.ts';

/** Runs a test file with this text and returns its outcome. */
async function outcomeOf(context: TestContext, text: string) {
  const tree = mkdtempSync(join(tmpdir(), 'cistern-run-'));
  context.after(() => rmSync(tree, { recursive: true }));
  writeFileSync(
    join(tree, 'a.test.ts'),
    `import assert from 'node:assert/strict';\nimport { test } from 'node:test';\n${text}`,
  );
  return runTestFile(tree, 'a.test.ts', context.signal);
}

test('a file whose tests pass has passed', async (t) => {
  assert.deepEqual(await outcomeOf(t, "test('one', () => assert.ok(true));"), { kind: 'passed' });
});

test('the first failed test is named with its message, even within another test', async (t) => {
  const text =
    "test('outer', async (t) => { await t.test('one', () => assert.fail('too late')); });\ntest('two', () => {});";
  assert.deepEqual(await outcomeOf(t, text), { kind: 'failed', test: 'one', message: 'AssertionError: too late' });
});

test('a file that ends its process has failed', async (t) => {
  const outcome = await outcomeOf(t, "test('one', () => process.exit(3));");
  assert.equal(outcome.kind, 'failed');
});

for (const [what, text] of [
  ['has a syntax error', 'const = 1;'],
  ['imports a missing module', "import { gone } from './gone.ts';\ntest('one', () => gone());"],
  ['imports a missing name', "import { gone } from 'node:fs';\ntest('one', () => gone());"],
] as const)
  test(`a file that ${what} is broken`, async (t) => {
    assert.equal((await outcomeOf(t, text)).kind, 'broken');
  });
