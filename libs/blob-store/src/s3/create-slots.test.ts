import assert from 'node:assert/strict';
import test from 'node:test';
import { createSlots } from './create-slots.ts';

/** Creates work that begins when it gets a slot, and ends when the test calls `end`. */
function startWork(count: number) {
  const inSlot = createSlots(count);
  const begun: string[] = [];
  const add = (name: string, signal?: AbortSignal) => {
    const end = Promise.withResolvers<void>();
    const work = async () => {
      begun.push(name);
      await end.promise;
    };
    return { end: end.resolve, fail: end.reject, settled: inSlot(work, signal) };
  };
  return { begun, add };
}

const turn = () => new Promise(setImmediate);

test('work gets slots in the order of its calls, after a success and after a failure', async () => {
  const { begun, add } = startWork(2);
  const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => add(name));
  await turn();
  assert.deepEqual(begun, ['one', 'two']);
  const failed = assert.rejects(two!.settled, /no/);
  two!.fail(new Error('no'));
  // This work runs after the waiting work, although a slot is free at this moment.
  const five = add('five');
  await failed;
  await turn();
  assert.deepEqual(begun, ['one', 'two', 'three']);
  one!.end();
  three!.end();
  await turn();
  assert.deepEqual(begun, ['one', 'two', 'three', 'four', 'five']);
  four!.end();
  five.end();
  await Promise.all([one!.settled, three!.settled, four!.settled, five.settled]);
});

test('waiting work that is aborted takes no slot', async () => {
  const { begun, add } = startWork(1);
  const leaving = new AbortController();
  const first = add('first');
  const left = assert.rejects(add('left', leaving.signal).settled, /left/);
  const next = add('next');
  leaving.abort(new Error('left'));
  await left;
  first.end();
  await turn();
  assert.deepEqual(begun, ['first', 'next']);
  next.end();
  await next.settled;
  await assert.rejects(add('late', leaving.signal).settled, /left/);
});

test('running work that is aborted keeps its slot until it ends', async () => {
  const { begun, add } = startWork(1);
  const leaving = new AbortController();
  const first = add('first');
  const second = add('second', leaving.signal);
  const third = add('third');
  first.end();
  await first.settled;
  leaving.abort(new Error('left'));
  await turn();
  assert.deepEqual(begun, ['first', 'second']);
  second.end();
  await second.settled;
  third.end();
  await third.settled;
});
