import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Budget, laterBudget, mergeBudget, reserveOf } from './budget.ts';

const told = (remaining: number, toldAtMs: number): Budget => ({ limit: 100, remaining, windowMs: 1000, toldAtMs });

test('the answer to a later question counts, whatever it says', () => {
  assert.deepEqual(mergeBudget(told(5, 100), told(90, 160), 150), told(90, 160));
  assert.deepEqual(mergeBudget(undefined, told(90, 160), 0), told(90, 160));
});

test('of answers to questions that overlapped the smaller one counts, in whatever order they come', () => {
  assert.deepEqual(mergeBudget(told(5, 100), told(6, 110), 50), told(5, 100));
  assert.deepEqual(mergeBudget(told(6, 100), told(5, 110), 50), told(5, 110));
});

test('a new window shows with the first question after the smallest answer, however many overlap', () => {
  let known = told(0, 100);
  for (let atMs = 110; atMs < 200; atMs += 10) known = mergeBudget(known, told(99, atMs), atMs - 50);
  assert.equal(known.remaining, 99);
});

test('an answer to an old question counts where the window of the known one is over', () => {
  assert.equal(mergeBudget(told(1, 100), told(50, 1200), 90).remaining, 50);
});

test('of what two processes know the later counts', () => {
  assert.deepEqual(laterBudget(told(1, 100), told(2, 200)), told(2, 200));
  assert.deepEqual(laterBudget(told(1, 200), told(2, 100)), told(1, 200));
  assert.deepEqual(laterBudget(undefined, told(2, 100)), told(2, 100));
});

test('a fifth of the limit is kept unless something else is configured', () => {
  assert.equal(reserveOf(told(1, 1), undefined), 20);
  assert.equal(reserveOf(told(1, 1), 0), 0);
  assert.equal(reserveOf({ ...told(1, 1), limit: undefined }, undefined), 0);
});
