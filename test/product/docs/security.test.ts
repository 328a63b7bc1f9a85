// docs/security.md names the test behind each promise. Each name must match one test, or one folder of tests.
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { readPage, root } from '../src/docs/read-page.ts';

const { prose } = readPage('docs/security.md');
const tests = globSync('{libs,services,test}/**/*.test.ts', { cwd: root, exclude: ['**/node_modules'] });
const found = (name: string) => tests.filter((path) => path === name || path.endsWith(`/${name}`));
const named = (pattern: RegExp) => [...prose.matchAll(pattern)].map(([, name = '']) => name);

test('each test that the page about security names exists once', () => {
  const names = named(/`([\w./-]+\.test\.ts)`/g);
  assert.ok(names.length > 80, 'the names are found');
  const wrong = names.filter((name) => found(name).length !== 1);
  assert.deepEqual(wrong, []);
});

test('each folder of tests that the page about security names exists', () => {
  const names = named(/`(test\/[\w/-]+)`/g);
  assert.ok(names.length > 0, 'the names are found');
  const wrong = names.filter((name) => !tests.some((path) => path.startsWith(`${name}/`)));
  assert.deepEqual(wrong, []);
});
