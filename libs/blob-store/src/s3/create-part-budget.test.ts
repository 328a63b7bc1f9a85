import assert from 'node:assert/strict';
import test from 'node:test';
import { createPartBudget, type PartBuffer } from './create-part-budget.ts';

const { signal } = new AbortController();

test('memory is lent up to the budget, then in the order of asking', async () => {
  const budget = createPartBudget(30);
  const [first, second] = await Promise.all([budget.take(20, signal), budget.take(10, signal)]);
  const granted: string[] = [];
  const note = (name: string) => (part: PartBuffer) => {
    granted.push(name);
    return part;
  };
  const large = budget.take(20, signal).then(note('large'));
  const small = budget.take(1, signal).then(note('small'));
  second.release();
  second.release();
  await Promise.resolve();
  assert.deepEqual(granted, [], 'nobody overtakes the one that waits for more');
  first.release();
  assert.equal((await large).bytes.byteLength, 20);
  assert.equal((await small).bytes.byteLength, 1);
  assert.deepEqual(granted, ['large', 'small']);
});

test('more than the budget is lent to one that is alone', async () => {
  const budget = createPartBudget(10);
  const first = await budget.take(1, signal);
  const waiting = budget.take(50, signal);
  first.release();
  assert.equal((await waiting).bytes.byteLength, 50);
});

test('who stops waiting lets the next one in', async () => {
  const budget = createPartBudget(10);
  const held = await budget.take(5, signal);
  const leaving = new AbortController();
  const large = assert.rejects(budget.take(10, leaving.signal), /left/);
  const small = budget.take(5, signal);
  leaving.abort(new Error('left'));
  await large;
  await small;
  await assert.rejects(budget.take(1, leaving.signal), /left/);
  held.release();
});

test('a part takes over the memory of the one before, while any is in use', async () => {
  const budget = createPartBudget(20);
  const held = await budget.take(10, signal);
  const before = await budget.take(10, signal);
  before.release();
  const next = await budget.take(10, signal);
  assert.equal(next.bytes.buffer, before.bytes.buffer);
  next.release();
  held.release();
  const later = await budget.take(10, signal);
  assert.notEqual(later.bytes.buffer, held.bytes.buffer);
});
