import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSuites } from './describe-suites.mjs';

const passed = { name: 'unit', exitCode: 0, tests: 12, passed: 11, skipped: 1, failures: [], seconds: 3.2 };

test('each suite has a line, and the numbers are totals', () => {
  const checks = { ...passed, name: 'checks', tests: 0, passed: 0, skipped: 0 };
  assert.equal(
    describeSuites([checks, passed], []),
    '\n✔ checks: 3 s\n✔ unit: 12 tests, 3 s\n\nℹ tests 12\nℹ pass 11\nℹ fail 0\nℹ skipped 1\n',
  );
});

test('each failed test has its command, and each suite that did not run is named', () => {
  const failures = [
    { file: 'test/adapters/a.test.ts', name: "a client's range (bytes=0-)" },
    { file: 'test/adapters/b.test.ts', name: undefined },
  ];
  const failed = { ...passed, name: 'contract', exitCode: 1, passed: 9, failures };
  const text = describeSuites([passed, failed], ['smoke']);
  assert.match(text, /✔ unit: .*\n✖ contract: 12 tests, 3 s\n  not run: smoke\n/);
  assert.ok(
    text.includes(
      String.raw`  npm test -- test/adapters/a.test.ts --test-name-pattern='a client'\''s range \(bytes=0-\)'` +
        '\n  npm test -- test/adapters/b.test.ts\n',
    ),
    text,
  );
  assert.match(text, /ℹ tests 24\nℹ pass 20\nℹ fail 2\n/);
});

test('a failure is listed once, even if it is reported twice', () => {
  const failure = { file: 'a.test.ts', name: 'x' };
  const text = describeSuites([{ ...passed, exitCode: 1, failures: [failure, { ...failure }] }], []);
  assert.equal(text.split('a.test.ts').length, 2);
});
