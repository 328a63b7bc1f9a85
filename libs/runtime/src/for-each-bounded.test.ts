import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forEachBounded } from './for-each-bounded.ts';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield number;
}

async function* failing(): AsyncGenerator<number> {
  yield 1;
  throw new Error('no listing');
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

test('all items are processed, at most three at the same time', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await forEachBounded(numbers(20), { atOnce: 3 }, async (number) => {
    running += 1;
    most = Math.max(most, running);
    for (let rounds = number % 4; rounds >= 0; rounds -= 1) await turn();
    running -= 1;
    done.push(number);
  });
  assert.deepEqual([done.length, most, running], [20, 3, 0]);
});

for (const [when, atOnce] of [
  ['while others run', 4],
  ['alone', 1],
] as const)
  test(`the first error rejects after all running calls have ended (${when})`, async () => {
    let running = 0;
    let started = 0;
    const work = forEachBounded(numbers(100), { atOnce }, async (number) => {
      started += 1;
      running += 1;
      await turn();
      if (number !== 5) await turn();
      running -= 1;
      if (number === 5) throw new Error('the fifth');
    });
    await assert.rejects(work, /the fifth/);
    assert.equal(running, 0);
    assert.ok(started < 12);
  });

test('an aborted signal and a failed listing also reject', async () => {
  const ending = new AbortController();
  let started = 0;
  const work = forEachBounded(numbers(100), { atOnce: 2, signal: ending.signal }, async () => {
    started += 1;
    if (started === 3) ending.abort(new Error('enough'));
    await turn();
  });
  await assert.rejects(work, /enough/);
  assert.ok(started < 6);
  await assert.rejects(
    forEachBounded(failing(), { atOnce: 2 }, async () => turn()),
    /no listing/,
  );
});
