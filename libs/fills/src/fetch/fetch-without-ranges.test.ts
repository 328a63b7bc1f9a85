// Tests the plan of a fill's GETs if upstream never supports ranges, or only sometimes.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { bytes, mebibyte, startFetch } from '../testing/start-fetch.ts';

const unsupported = new CacheError('unsupported', 'no ranges here');

test('a first GET that ends where another begins fetches the whole blob if upstream does not support ranges', async () => {
  const { fetch, requests, assertWhole } = await startFetch({
    answer: ({ toExclusive }) => (toExclusive === undefined ? {} : { refuse: unsupported }),
  });
  const all = fetch.all();
  fetch.want(30 * mebibyte);
  await all;
  assertWhole();
  assert.deepEqual(requests().at(-1), [undefined, undefined]);
});

test('when the rest of a body is refused, the whole is fetched and the bytes received before are skipped', async () => {
  const { fetch, requests, assertWhole } = await startFetch({
    answer: ({ from }) =>
      from === undefined ? { refuseAt: requests().length > 1 ? Infinity : 5 * mebibyte } : { refuse: unsupported },
  });
  await fetch.all();
  assertWhole();
  assert.deepEqual(requests(), [
    [undefined, undefined],
    [5, undefined],
    [undefined, undefined],
  ]);
});

test('when the first bytes of a body are refused, the whole is fetched', async () => {
  const { fetch, requests, assertWhole } = await startFetch({
    answer: ({ from }) =>
      from === undefined ? { refuseAt: requests().length > 1 ? Infinity : 0 } : { refuse: unsupported },
  });
  await fetch.all();
  assertWhole();
  assert.deepEqual(requests(), [
    [undefined, undefined],
    [undefined, undefined],
  ]);
});

test('the only GET to an upstream without ranges continues past its shortened end', async () => {
  const { fetch, read, assertWhole, requests } = await startFetch({
    answer: ({ from }) => ({ chunkMs: () => 10, ...(from !== undefined && { refuse: unsupported }) }),
  });
  const all = fetch.all();
  await delay(25);
  await Promise.all([all, read(20 * mebibyte), read(30 * mebibyte)]);
  assertWhole();
  assert.equal(fetch.mayGetRanges, false);
  assert.equal(fetch.want(5), true);
  assert.equal(requests().filter(([from]) => from === undefined).length, 1);
});

for (const [outcome, extra, extraBytes] of [
  ['refused before the whole arrives', { refuse: unsupported, afterMs: 150 }, 0],
  ['refused after the whole has arrived there', { refuse: unsupported, afterMs: 2_000 }, 0],
  ['answered after all', { afterMs: 150 }, mebibyte / 2],
] as const)
  test(`a GET ahead to an upstream without ranges that is ${outcome} delays nothing`, async () => {
    const { fetch, assertWhole, requests, sentBytes } = await startFetch({
      perFillBytes: 6 * mebibyte,
      answer({ isExtra, from }) {
        if (from === undefined) return { chunkMs: () => 10, afterMs: requests().length > 1 ? 200 : 0 };
        return isExtra ? extra : { refuse: unsupported, afterMs: 10 };
      },
    });
    const beganMs = performance.now();
    const all = fetch.all();
    await delay(25);
    assert.equal(fetch.want(4 * mebibyte), true);
    await all;
    assertWhole();
    assert.ok(performance.now() - beganMs < 5_000);
    assert.deepEqual(requests(), [
      [undefined, undefined],
      [4, 6],
      [6, 14],
      [undefined, undefined],
    ]);
    assert.equal(sentBytes(), 4 * mebibyte + extraBytes + bytes.length);
  });

test('a plain GET that was shortened before its response continues to the end once ranges are refused', async () => {
  const { fetch, assertWhole, requests } = await startFetch({
    answer: ({ from }) => (from === undefined ? { afterMs: 100 } : { refuse: unsupported, afterMs: 10 }),
  });
  const all = fetch.all();
  await delay(25);
  fetch.want(20 * mebibyte);
  await all;
  assertWhole();
  assert.deepEqual(requests(), [
    [undefined, undefined],
    [20, 28],
  ]);
});

test('a plain GET that has reached its shortened end is not continued while its last bytes are written', async () => {
  const { fetch, assertWhole, requests } = await startFetch({
    appendMs: 30,
    answer: ({ from }) => (from === undefined ? { chunkMs: () => 25 } : { refuse: unsupported, afterMs: 205 }),
  });
  const all = fetch.all();
  await delay(25);
  fetch.want(4 * mebibyte);
  await all;
  assertWhole();
  assert.deepEqual(requests().at(-1), [undefined, undefined]);
});

test('a GET to the end does not fetch earlier bytes that another GET was refused', async () => {
  const { fetch, assertWhole, requests } = await startFetch({
    perFillBytes: 10 * mebibyte,
    answer: ({ isExtra }) => ({ chunkMs: () => 10, ...(isExtra && { refuse: unsupported, afterMs: 5_000 }) }),
  });
  const all = fetch.all();
  await delay(25);
  assert.equal(fetch.want(30 * mebibyte), true);
  await all;
  assertWhole();
  assert.deepEqual(requests().slice(1, 3), [
    [30, 36],
    [36, undefined],
  ]);
});

test('a GET to an upstream without ranges waits as long as the window is full', async () => {
  let stored = 0;
  const { fetch, gets, assertWhole, read } = await startFetch({
    perFillBytes: 10 * mebibyte,
    rangeBytes: 4 * mebibyte,
    storeMs: () => ((stored += 1) === 6 ? 30_000 : 10),
    answer: ({ from }) => ({ chunkMs: () => 10, ...(from !== undefined && { refuse: unsupported }) }),
  });
  const all = fetch.all();
  await delay(25);
  await Promise.all([all, read(8 * mebibyte)]);
  assertWhole();
  assert.equal(gets.filter(({ from }) => from === undefined).length, 1);
});
