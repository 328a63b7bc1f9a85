// Tests the plan of a fill's GETs, with an upstream that the test scripts.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { seeded } from '@cistern/oci/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { until } from '@cistern/runtime/testing';
import { bytes, mebibyte, startFetch } from '../testing/start-fetch.ts';

const unsupported = new CacheError('unsupported', 'no ranges here');
const broken = new CacheError('upstream-unreachable', 'the connection broke');

test('a blob without readers ahead is fetched by one plain GET', async () => {
  const { fetch, assertWhole, requests, sentBytes } = await startFetch();
  await fetch.all();
  assertWhole();
  assert.deepEqual(requests(), [[undefined, undefined]]);
  assert.equal(sentBytes(), bytes.length);
});

test('a body that was requested before is continued, or closed if nothing is missing', async () => {
  const { fetch, get, gets, assertWhole } = await startFetch();
  await fetch.all(await get({}));
  assertWhole();
  assert.equal(gets.length, 1);
  await fetch.all(await get({}));
  assertWhole();
});

test('a reader ahead gets its own GET, the main GET ends before that, and ranges fetch the rest', async () => {
  const { fetch, read, assertWhole, requests, sentBytes } = await startFetch({ answer: () => ({ chunkMs: () => 10 }) });
  const all = fetch.all();
  await delay(25);
  await Promise.all([all, read(20 * mebibyte + 7)]);
  assertWhole();
  assert.deepEqual(requests(), [
    [undefined, undefined],
    [20, 28],
    [28, 36],
    [36, 40],
    [40, undefined],
  ]);
  assert.equal(sentBytes(), bytes.length);
});

test('bytes that will arrive soon are not requested again', async () => {
  const { fetch, gets } = await startFetch({ answer: () => ({ chunkMs: () => 10 }) });
  const all = fetch.all();
  await delay(35);
  for (const offset of [0, 1, mebibyte, 2 * mebibyte]) assert.equal(fetch.want(offset), true);
  assert.ok(fetch.delivers(mebibyte));
  assert.ok(!fetch.delivers(30 * mebibyte));
  assert.equal(gets.length, 1);
  assert.equal(fetch.want(30 * mebibyte), true);
  assert.equal(fetch.want(30 * mebibyte + 5), true);
  assert.equal(gets.length, 2);
  await all;
});

test('if the window has no space, a reader ahead reads elsewhere and does not slow the fetch down', async () => {
  const { fetch, gets, room, assertWhole } = await startFetch({
    perFillBytes: 8 * mebibyte,
    answer: () => ({ chunkMs: () => 10 }),
  });
  const releases = [room.tryTake(2 * mebibyte), room.tryTake(2 * mebibyte)];
  const all = fetch.all();
  await delay(25);
  assert.equal(fetch.want(30 * mebibyte), false);
  for (const release of releases) release?.();
  await all;
  assertWhole();
  assert.equal(gets.length, 1);
});

test('a GET ahead that is refused is not retried, and the others fetch its bytes', async () => {
  const { fetch, gets, read, assertWhole } = await startFetch({
    answer: ({ isExtra }) => ({ chunkMs: () => 10, ...(isExtra && { refuse: broken }) }),
  });
  const all = fetch.all();
  await delay(25);
  await Promise.all([all, read(20 * mebibyte), read(30 * mebibyte)]);
  assertWhole();
  assert.equal(gets.filter(({ isExtra }) => isExtra).length, 2);
});

test('a GET ahead that breaks keeps its bytes, and the others continue from there', async () => {
  const { fetch, read, assertWhole, requests, sentBytes } = await startFetch({
    answer: ({ isExtra }) => ({ chunkMs: () => 10, ...(isExtra && { breakAt: 23 * mebibyte }) }),
  });
  const all = fetch.all();
  await delay(25);
  await Promise.all([all, read(20 * mebibyte)]);
  assertWhole();
  assert.equal(sentBytes(), bytes.length);
  assert.deepEqual(requests()[2], [23, 30]);
});

test('a body that is shorter than the blob, or that breaks, fails the fetch', async () => {
  const short = await startFetch({ answer: () => ({ endAt: 9 * mebibyte }) });
  await assert.rejects(short.fetch.all(), (error) => isCacheError(error, 'content-mismatch'));
  const breaking = await startFetch({ answer: () => ({ breakAt: 9 * mebibyte }) });
  await assert.rejects(breaking.fetch.all(), /the connection broke/);
  assert.equal(breaking.segments.fetchedBytes, 9 * mebibyte);
});

test('a body of unknown length ends the blob where it ends, if it ends within the limit', async () => {
  for (const size of [0, 5, 2 * mebibyte, 9 * mebibyte + 1]) {
    const { fetch, segments, assertWhole } = await startFetch({ isSizeUnknown: true, size });
    await fetch.all();
    assert.equal(segments.size, size);
    assertWhole();
  }
  const { fetch } = await startFetch({ isSizeUnknown: true, perFillBytes: 10 * mebibyte });
  await assert.rejects(fetch.all(), /does not end within/);
});

test('a body of unknown length does not wait for space forever', async () => {
  const { fetch, spool, gets } = await startFetch({ isSizeUnknown: true, perFillBytes: 20 * mebibyte });
  const { signal } = new AbortController();
  const other = await spool.enter({ floorBytes: 10 * mebibyte, freeOne: () => false, signal });
  await assert.rejects(fetch.all(), (error) => isCacheError(error, 'overloaded') && error.isLocal);
  assert.ok(gets.every(({ isOver }) => isOver));
  other.close();
});

test('a GET that waits ten seconds for a full window is closed, and the rest is requested later', async () => {
  let isSlow = true;
  const { fetch, gets, segments, assertWhole, sentBytes, requests } = await startFetch({
    perFillBytes: 6 * mebibyte,
    storeMs: () => (isSlow ? 60_000 : 10),
  });
  const all = fetch.all();
  await delay(9_000);
  assert.equal(gets[0]!.isOver, false);
  await delay(2_000);
  assert.equal(gets[0]!.isOver, true);
  assert.equal(segments.fetchedBytes, 6 * mebibyte);
  await delay(40_000);
  assert.equal(gets.length, 1);
  isSlow = false;
  await all;
  assertWhole();
  assert.deepEqual(requests(), [
    [undefined, undefined],
    [6, undefined],
  ]);
  assert.ok(sentBytes() <= bytes.length + 4 * mebibyte);
});

for (const without of ['ranges', undefined] as const)
  test(`a slow GET that breaks is fetched again, although the others have filled the window behind it${
    without === undefined ? '' : ', when ranges are refused by then'
  }`, async () => {
    let extras = 0;
    const { fetch, assertWhole, read } = await startFetch({
      perFillBytes: 12 * mebibyte,
      rangeBytes: 4 * mebibyte,
      answer({ isExtra, from }) {
        if (!isExtra) return { chunkMs: () => 10 };
        extras += 1;
        if (extras > 1) return { refuse: without === undefined ? broken : unsupported };
        return { gate: (at) => (at > from! ? delay(45_000) : undefined), breakAt: from! + mebibyte };
      },
    });
    const all = fetch.all();
    await delay(25);
    void read(8 * mebibyte);
    if (without !== undefined) {
      await until(() => extras === 1);
      await delay(500);
      void read(30 * mebibyte);
    }
    await all;
    assertWhole();
  });

test('the end of the fill ends every GET', async () => {
  const { fetch, stopping, gets, read } = await startFetch({ answer: () => ({ chunkMs: () => 10 }) });
  const all = fetch.all();
  await delay(25);
  void read(20 * mebibyte);
  await delay(100);
  stopping.abort(new Error('the worker shuts down'));
  await assert.rejects(all);
  await until(() => fetch.connections === 0);
  assert.ok(gets.every(({ isOver }) => isOver));
  assert.ok(gets.length >= 2);
});

for (let seed = 1; seed <= 25; seed += 1)
  test(`with readers anywhere, failing extra GETs and late space, every byte is fetched once (${seed})`, async () => {
    const random = seeded(seed);
    const hasRanges = random(4) > 0;
    const rangesEndAtMs = hasRanges && random(3) === 0 ? performance.now() + random(3_000) : Infinity;
    const storesMost = [10, 200, 20_000][random(3)]!;
    const started = await startFetch({
      perFillBytes: (4 + 2 * random(20)) * mebibyte,
      rangeBytes: (1 + random(12)) * mebibyte,
      storeMs: () => random(storesMost),
      answer({ from, isExtra }) {
        const [latency, pace] = [random(100), random(40)];
        const common = { afterMs: latency, chunkMs: () => random(pace + 1) };
        if (from !== undefined && from > 0 && (!hasRanges || performance.now() > rangesEndAtMs))
          return { ...common, refuse: unsupported };
        if (!isExtra) return common;
        if (random(5) === 0) return { ...common, refuse: broken };
        if (random(4) === 0) return { ...common, breakAt: from! + random(6 * mebibyte) };
        if (random(8) === 0) return { ...common, gate: () => (random(4) === 0 ? delay(15_000) : undefined) };
        return common;
      },
    });
    const { fetch, get, gets, read, assertWhole, sentBytes } = started;
    const whole = random(2) === 0 ? await get({}) : undefined;
    const all = fetch.all(whole);
    const readers = Array.from({ length: random(6) }, async () => {
      await delay(random(4_000));
      await read(random(bytes.length), 1 + random(4 * mebibyte));
    });
    await all;
    await Promise.all(readers);
    assertWhole();
    const plain = gets.filter(({ from }) => from === undefined || from === 0);
    if (hasRanges && rangesEndAtMs === Infinity) {
      assert.equal(plain.length, 1, 'the plain GET is made once');
      const most = bytes.length + (gets.length - 1) * 4 * mebibyte;
      assert.ok(sentBytes() <= most, `${sentBytes()} bytes came, more than ${most}`);
    }
  });
