import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { findTestFiles } from './find-test-files.mjs';
import { suites } from './suites.mjs';

const root = resolve(import.meta.dirname, '../..');
const register = /^\s*(?:void |await )?(?:test|it|describe\w*|new RuleTester\(.*\)\.run|\w*ester\.run)\(/m;
const isEmpty = (file: string) => !register.test(readFileSync(join(root, file), 'utf8'));
const below = (paths: readonly string[] = []) => paths.flatMap((path) => findTestFiles(root, path));

test('every test file belongs to a suite, and every path of a suite has test files', () => {
  const held = new Set(
    suites.flatMap(({ paths, without }) => {
      const leftOut = new Set(below(without));
      return below(paths).filter((file) => !leftOut.has(file));
    }),
  );
  const all = below(['.ci', 'infra', 'libs', 'services', 'test']);
  assert.deepEqual(
    all.filter((file) => !held.has(file)),
    [],
  );
  for (const path of suites.flatMap(({ paths = [], without = [] }) => [...paths, ...without]))
    assert.notDeepEqual(findTestFiles(root, path), [], path);
});

test('every test file registers a test', () => {
  assert.deepEqual(below(['.ci', 'infra', 'libs', 'services', 'test']).filter(isEmpty), []);
});
