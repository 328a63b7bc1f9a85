import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, killedShare, type Outcome, type Run } from './verdict.ts';

const passed: Outcome = { kind: 'passed' };
const failed: Outcome = { kind: 'failed', test: 'a pull is counted once', message: '2 !== 1' };
const broken: Outcome = { kind: 'broken', message: 'SyntaxError: Unexpected token' };
const spared: Run = { file: 'a.test.ts', mutated: passed };

test('a test that fails twice with the bug and passes without it kills the mutant', () => {
  assert.deepEqual(judge([spared, { file: 'b.test.ts', mutated: failed, again: failed, clean: passed }]), {
    kind: 'killed',
    file: 'b.test.ts',
    test: 'a pull is counted once',
    message: '2 !== 1',
  });
});

test('a mutant survives if all tests pass', () => {
  assert.deepEqual(judge([spared, spared]), { kind: 'survived', files: 2, notes: [] });
});

test('a failure that does not repeat, or also occurs without the bug, is only noted', () => {
  const once: Run = { file: 'once.test.ts', mutated: failed, again: passed, clean: passed };
  const always: Run = { file: 'always.test.ts', mutated: failed, clean: failed };
  assert.deepEqual(judge([once, always]), {
    kind: 'survived',
    files: 2,
    notes: ['once.test.ts failed once, and not again', 'always.test.ts fails without the bug, too'],
  });
});

test('a mutant that cannot be loaded is invalid and does not count as killed', () => {
  assert.deepEqual(judge([{ file: 'a.test.ts', mutated: broken, clean: passed }]), {
    kind: 'invalid',
    message: 'a.test.ts: SyntaxError: Unexpected token',
  });
});

test('the share of killed mutants leaves out invalid ones', () => {
  const killed = judge([{ file: 'b.test.ts', mutated: failed, again: failed, clean: passed }]);
  const survived = judge([spared]);
  const stale = { kind: 'does-not-apply', message: 'patch failed' } as const;
  assert.equal(killedShare([killed, killed, killed, survived, stale]), 0.75);
  assert.equal(killedShare([]), 1);
});
