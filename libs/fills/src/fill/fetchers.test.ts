// Who fetches what, on an upstream that the test answers by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { UpstreamBlobBody } from '@cistern/upstream';
import { until } from '@cistern/runtime/testing';
import { bytesOf } from '@cistern/oci/testing';
import { createFetchers } from './fetchers.ts';
import { createIntervals } from './spool.ts';

const mebibyte = 1024 * 1024;
const bytes = bytesOf(40 * mebibyte);

/** One upstream request; its body brings what the test sends. */
interface Get {
  readonly from: number;
  readonly toExclusive: number | undefined;
  answer(): void;
  refuse(error: Error): void;
  send(length: number): void;
  /** Sends what is left, and the end. */
  end(): void;
  /** Ends the body here. */
  stop(): void;
  closed: boolean;
}

function startFetchers(size = bytes.length) {
  const gets: Get[] = [];
  const present = createIntervals();
  const written = Buffer.alloc(size);
  const stopping = new AbortController();
  let twice = 0;
  let frees = 0;
  const failures: unknown[] = [];

  const get = ({ from, toExclusive }: { from?: number; toExclusive?: number }) => {
    const opened = Promise.withResolvers<UpstreamBlobBody>();
    const start = from ?? 0;
    let position = start;
    const chunks: (Buffer | undefined)[] = [];
    let more = Promise.withResolvers<void>();
    const wake = () => {
      more.resolve();
      more = Promise.withResolvers();
    };
    async function* body(): AsyncGenerator<Buffer> {
      for (;;) {
        while (chunks.length === 0) await more.promise;
        const chunk = chunks.shift();
        if (chunk === undefined) return;
        yield chunk;
      }
    }
    const self: Get = {
      from: start,
      toExclusive,
      closed: false,
      answer: () => opened.resolve({ start, totalSize: size, body: body(), close: () => void (self.closed = true) }),
      refuse: opened.reject,
      send(length) {
        for (let left = length; left > 0; left -= mebibyte / 2) {
          const chunk = bytes.subarray(
            position,
            Math.min(position + Math.min(left, mebibyte / 2), toExclusive ?? size),
          );
          position += chunk.length;
          chunks.push(chunk);
        }
        wake();
      },
      end() {
        self.send((toExclusive ?? size) - position);
        self.stop();
      },
      stop() {
        chunks.push(undefined);
        wake();
      },
    };
    gets.push(self);
    return opened.promise;
  };

  const fetchers = createFetchers({
    size,
    presentBytes: 0,
    async write(offset, parts) {
      const part = Buffer.concat(parts);
      await new Promise(setImmediate);
      const gap = present.firstGap(offset, offset + part.length);
      if (gap?.start !== offset || gap.endExclusive !== offset + part.length) twice += 1;
      present.add(offset, offset + part.length);
      part.copy(written, offset);
    },
    get,
    onAheadFailed: (error) => failures.push(error),
    onFreed: () => (frees += 1),
    signal: stopping.signal,
  });
  return {
    fetchers,
    gets,
    present,
    failures,
    frees: () => frees,
    assertWhole() {
      assert.ok(written.equals(bytes.subarray(0, size)));
      assert.equal(twice, 0, 'bytes were written twice');
    },
    requests: () => gets.map(({ from, toExclusive }) => [from / mebibyte, toExclusive && toExclusive / mebibyte]),
  };
}

test('a fetch that was asked for before another began where it goes does not write over it', async () => {
  const { fetchers, gets, present, assertWhole, requests } = startFetchers();
  const all = fetchers.fetchAll();
  await until(() => gets.length === 1);
  fetchers.demand(10 * mebibyte, 20 * mebibyte);
  gets[1]!.answer();
  gets[1]!.send(mebibyte);
  await until(() => present.covered === mebibyte);
  gets[0]!.answer();
  gets[0]!.send(40 * mebibyte);
  await until(() => gets[0]!.closed);
  gets[1]!.end();
  await until(() => gets.length === 3);
  gets[2]!.answer();
  gets[2]!.end();
  await all;
  assertWhole();
  assert.deepEqual(requests(), [
    [0, undefined],
    [10, 20],
    [20, undefined],
  ]);
});

test('a small range ahead does not cost the fetch that comes along another request', async () => {
  const { fetchers, gets, present, assertWhole } = startFetchers();
  const all = fetchers.fetchAll();
  gets[0]!.answer();
  gets[0]!.send(mebibyte);
  await until(() => present.covered === mebibyte);
  for (const offset of [30, 20, 35]) {
    fetchers.demand(offset * mebibyte, offset * mebibyte + 100);
    const ahead = gets.at(-1)!;
    assert.equal(ahead.from, offset * mebibyte);
    ahead.answer();
    ahead.end();
    await until(() => present.runEnd(offset * mebibyte) === offset * mebibyte + 100);
  }
  gets[0]!.end();
  await all;
  assertWhole();
  assert.equal(gets.length, 4);
});

test('readers that begin one behind the other share the way: each fetch stops where the next began', async () => {
  const { fetchers, gets, assertWhole, requests } = startFetchers();
  const all = fetchers.fetchAll();
  for (const offset of [32, 8, 16, 24]) fetchers.demand(offset * mebibyte, bytes.length);
  for (const get of gets) get.answer();
  await new Promise(setImmediate);
  for (const get of gets) get.end();
  await all;
  assertWhole();
  assert.deepEqual(
    requests().map(([from]) => from),
    [0, 32, 8, 16, 24],
  );
});

test('bytes that are about to come are not asked for again', async () => {
  const { fetchers, gets, assertWhole, frees } = startFetchers(10 * mebibyte);
  const all = fetchers.fetchAll();
  for (const offset of [0, 1, mebibyte, 3 * mebibyte]) fetchers.demand(offset, offset + 10);
  assert.equal(gets.length, 1);
  fetchers.demand(8 * mebibyte, 9 * mebibyte);
  fetchers.demand(8 * mebibyte + 5, 9 * mebibyte);
  assert.equal(gets.length, 2);
  gets[0]!.answer();
  gets[0]!.end();
  await all;
  gets[1]!.answer();
  await until(() => gets[1]!.closed && frees() === 2);
  assertWhole();
});

test('what a reader ahead has been promised is not fetched by those behind it, answered yet or not', async () => {
  const { fetchers, gets, assertWhole, requests } = startFetchers();
  fetchers.demand(20 * mebibyte, bytes.length);
  const all = fetchers.fetchAll();
  assert.deepEqual(requests(), [
    [20, 40],
    [0, 20],
  ]);
  gets[1]!.answer();
  gets[1]!.end();
  gets[0]!.refuse(new CacheError('upstream-unreachable', 'the connection broke'));
  await until(() => gets.length === 3);
  gets[2]!.answer();
  gets[2]!.end();
  await all;
  assertWhole();
});

test('a fetch ahead that fails is not tried again and again; the fetch of the whole brings its bytes', async () => {
  const { fetchers, gets, present, failures, frees, assertWhole } = startFetchers();
  const all = fetchers.fetchAll();
  gets[0]!.answer();
  fetchers.demand(20 * mebibyte, bytes.length);
  gets[1]!.answer();
  gets[1]!.send(2 * mebibyte);
  await until(() => present.runEnd(20 * mebibyte) === 22 * mebibyte);
  fetchers.demand(30 * mebibyte, bytes.length);
  gets[2]!.refuse(new CacheError('upstream-unreachable', 'the connection broke'));
  await until(() => frees() === 1);
  assert.equal(failures.length, 1);
  fetchers.demand(30 * mebibyte, bytes.length);
  assert.equal(gets.length, 3);
  gets[0]!.end();
  gets[1]!.end();
  await all;
  assertWhole();
});

test('an upstream that stops answering ranges is asked for the whole, and what is here is passed over', async () => {
  const { fetchers, gets, present, assertWhole, requests } = startFetchers();
  const unsupported = new CacheError('unsupported', 'no ranges here');
  fetchers.demand(0, 10 * mebibyte);
  gets[0]!.answer();
  gets[0]!.end();
  await until(() => present.covered === 10 * mebibyte);
  const all = fetchers.fetchAll();
  await until(() => gets.length === 2);
  gets[1]!.refuse(unsupported);
  await until(() => gets.length === 3);
  gets[2]!.answer();
  gets[2]!.end();
  await all;
  assertWhole();
  assert.deepEqual(requests(), [
    [0, 10],
    [10, undefined],
    [0, undefined],
  ]);
});

test('a body that is shorter than the blob fails the fetch', async () => {
  const { fetchers, gets } = startFetchers(10 * mebibyte);
  const all = fetchers.fetchAll();
  gets[0]!.answer();
  gets[0]!.send(9 * mebibyte);
  gets[0]!.stop();
  await assert.rejects(all, (error) => isCacheError(error, 'content-mismatch'));
});
