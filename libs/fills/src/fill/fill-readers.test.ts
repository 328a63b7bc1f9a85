// Tests readers of a fill in its window, behind it and ahead of it, until the fill has ended.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { CacheError, isCacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import { until } from '@cistern/runtime/testing';
import { type TestFillOptions, readAll, startTestFill } from '../testing/start-test-fill.ts';

const segmentBytes = 100_000;
const size = 1_000_000;
const small = { size, segmentBytes };
const window: TestFillOptions = { ...small, perFillBytes: 300_000 };
const unsupported = new CacheError('unsupported', 'no ranges here');
const unavailable = new CacheError('store-unavailable', 'The store is down.');
const isStored = (error: unknown) => error instanceof SourceInterrupted && error.isStored;

test('readers at any offset get their bytes, one GET fetches the whole, and the table matches the segments', async (t) => {
  const { bytes, fill, gets, open, spools, store, digest } = await startTestFill(t, small);
  assert.equal(await fill.running, size);
  const readers = [0, 5, 150_000, 999_999].map((from) => ({ from, reader: open({ from }) }));
  for (const { from, reader } of readers) assert.ok((await readAll(reader)).equals(bytes.subarray(from)));
  const crcs = Array.from({ length: 10 }, (_, at) => crc32(bytes.subarray(at * segmentBytes, (at + 1) * segmentBytes)));
  for (const { reader } of readers) assert.deepEqual(await reader.table?.(), { segmentBytes, crcs });
  assert.deepEqual(fill.table, { segmentBytes, crcs });
  assert.equal(await fill.ended, 'committed');
  for (const { reader } of readers) await reader.close();
  assert.equal(gets.length, 1);
  assert.equal(fill.readers, 0);
  assert.equal((await store.stat(digest))?.size, size);
  await until(() => spools.usedBytes === 0);
});

test('the end is withheld from readers of the whole until all bytes are verified', async (t) => {
  const last = Promise.withResolvers<void>();
  const { bytes, fill, open } = await startTestFill(t, {
    ...small,
    answer: () => ({ gate: (at) => (at >= 950_000 ? last.promise : undefined) }),
  });
  await fill.running;
  const into = Buffer.alloc(size);
  const reader = open({ from: 940_000 });
  const part = open({ from: 940_000, toExclusive: 945_000, verified: false });
  assert.ok((await readAll(part)).equals(bytes.subarray(940_000, 945_000)));
  let got = 0;
  while (got < 10_000) got += await reader.read(into);
  const rest = reader.read(into);
  last.resolve();
  got += await rest;
  while (got < 60_000) got += await reader.read(into);
  assert.equal(got, 60_000);
  await Promise.all([reader.close(), part.close()]);
});

test('a reader whose segment is freed continues by a side read, and does not block the fill', async (t) => {
  const { bytes, fill, open, gets, spools } = await startTestFill(t, window);
  await fill.running;
  const slow = open();
  const into = Buffer.alloc(10);
  await slow.read(into);
  await fill.ended;
  assert.ok((await readAll(slow).catch(() => Buffer.alloc(0))).length <= size);
  await slow.close();
  assert.ok(gets.slice(1).every(({ from, toExclusive }) => from !== undefined && toExclusive !== undefined));
  assert.ok(into.equals(bytes.subarray(0, 10)));
  await until(() => spools.usedBytes === 0);
});

test('a reader that is faster than the fill waits for it, and causes no upstream requests', async (t) => {
  const { bytes, fill, open, gets } = await startTestFill(t, {
    ...window,
    wrapStore: (store) => ({
      ...store,
      async beginUpload(...args) {
        const upload = await store.beginUpload(...args);
        return { ...upload, put: async (...part) => delay(3_000).then(() => upload.put(...part)) };
      },
    }),
  });
  await fill.running;
  const reader = open();
  assert.ok((await readAll(reader)).equals(bytes));
  await reader.close();
  assert.equal(gets.length, 1);
});

test('a reader behind the window gets a side read, up to the next present bytes', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { bytes, fill, open, gets } = await startTestFill(t, {
    ...window,
    answer: ({ from }) => ({ gate: (at) => (from === undefined && at >= 900_000 ? gate.promise : undefined) }),
  });
  await fill.running;
  await until(() => fill.presentBytes === 900_000);
  const reader = open({ from: 50_000 });
  const reading = readAll(reader);
  await until(() => gets.length === 2);
  gate.resolve();
  const got = await reading.catch((error: unknown) => {
    if (!isStored(error)) throw error;
    return undefined;
  });
  if (got !== undefined) assert.ok(got.equals(bytes.subarray(50_000)));
  await reader.close();
  assert.equal(gets[1]!.from, 50_000);
  assert.ok(gets[1]!.toExclusive! <= 900_000);
});

test('side reads of all fills of a blob request no more bytes than its size, and then readers wait for the store', async (t) => {
  const gate = Promise.withResolvers<void>();
  const stored = { size, segmentBytes, crcs: [], uploadId: 'gone', parts: '', hashState: new Uint8Array(0) };
  const { bytes, fill, open, gets } = await startTestFill(t, {
    ...window,
    takenOverSize: size,
    checkpoint: { ...stored, sideBytes: size - 250_000 },
    answer: ({ from }) => ({ gate: (at) => (from === undefined && at >= 900_000 ? gate.promise : undefined) }),
  });
  await fill.running;
  await until(() => fill.presentBytes === 900_000);
  const part = { toExclusive: 200_000, verified: false };
  const sharing = [open(part), open(part)];
  const got = await Promise.all(sharing.map((reader) => readAll(reader)));
  for (const body of got) assert.ok(body.equals(bytes.subarray(0, 200_000)));
  for (const reader of sharing) await reader.close();
  const reader = open({ from: 300_000 });
  assert.equal(await reader.read(Buffer.alloc(50_000)), 50_000);
  const waiting = assert.rejects(reader.read(Buffer.alloc(10)), isStored);
  await delay(60_000);
  gate.resolve();
  await fill.ended;
  fill.release();
  await waiting;
  await reader.close();
  const side = gets.slice(1).map(({ from, sentBytes }) => [from, sentBytes]);
  assert.deepEqual(side, [
    [0, 200_000],
    [300_000, 50_000],
  ]);
});

test('readers of a stored blob move to the store, immediately if the space is needed, otherwise soon', async (t) => {
  const { fill, open, spools } = await startTestFill(t, small);
  await fill.running;
  const [reader, waiting] = [open(), open({ from: 10 })];
  assert.equal(await fill.ended, 'committed');
  const into = Buffer.alloc(100);
  assert.equal(await reader.read(into), 100);
  await delay(9_000);
  assert.equal(await reader.read(into), 100);
  await delay(2_000);
  await assert.rejects(reader.read(into), isStored);
  await assert.rejects(waiting.read(into), isStored);
  assert.equal((await reader.table?.())?.crcs.length, 10);
  await Promise.all([reader.close(), waiting.close()]);
  await until(() => spools.usedBytes === 0);
});

test('close ends every wait of a reader: in the fill, in a side read and for the table', async (t) => {
  const never = new Promise<void>(() => {});
  const { fill, open, gets, stopping } = await startTestFill(t, {
    ...window,
    answer: ({ from }) => ({ gate: (at) => ((from ?? 0) > 0 || at >= 900_000 ? never : undefined) }),
  });
  await fill.running;
  await until(() => fill.presentBytes === 900_000);
  const [here, side] = [open({ from: 950_000 }), open({ from: 5 })];
  const waits = [
    assert.rejects(here.read(Buffer.alloc(10)), /closed/),
    assert.rejects(side.read(Buffer.alloc(10)), /closed/),
    assert.rejects(async () => here.table?.(), /closed/),
  ];
  await until(() => gets.length === 2);
  for (const reader of [here, side, here]) await reader.close();
  await Promise.all(waits);
  assert.equal(fill.readers, 0);
  await until(() => gets[1]!.isOver);
  stopping.abort(new Error('the test ends'));
  await assert.rejects(fill.ended, /the test ends/);
});

test('when the store accepts nothing, a slow reader still gets every byte of a blob larger than the window', async (t) => {
  const { bytes, fill, open, gets, spools } = await startTestFill(t, {
    ...window,
    wrapStore: (store) => ({ ...store, beginUpload: () => Promise.reject(unavailable) }),
  });
  await fill.running;
  const reader = open();
  const got = await readAll(reader, () => delay(12_000));
  assert.ok(got.equals(bytes));
  assert.equal(gets.filter(({ from }) => from === undefined).length, 1);
  await reader.close();
  assert.equal(await fill.ended, 'left');
  await until(() => spools.usedBytes === 0);
});

test('when the store accepts nothing, a small blob of several segments is read through a spool of one', async (t) => {
  const { bytes, fill, open } = await startTestFill(t, {
    size: 40_000,
    segmentBytes: 10_000,
    perFillBytes: 10_000,
    chunkBytes: 10_000,
    wrapStore: (store) => ({ ...store, beginUpload: () => Promise.reject(unavailable) }),
  });
  await fill.running;
  const reader = open();
  const got = await readAll(reader);
  assert.ok(got.equals(bytes));
  await reader.close();
  assert.equal(await fill.ended, 'left');
});

test('a reader behind the window of an upstream without ranges waits for the whole and moves to the store', async (t) => {
  const { fill, open } = await startTestFill(t, {
    ...window,
    answer: ({ from }) => (from === undefined ? {} : { refuse: unsupported }),
  });
  await fill.running;
  const slow = open();
  await slow.read(Buffer.alloc(10));
  await until(() => fill.presentBytes >= 700_000);
  await assert.rejects(readAll(slow), isStored);
  await slow.close();
});

test('a reader gets an error for bytes that neither spool, store nor upstream can deliver', async (t) => {
  const { fill, open, spools } = await startTestFill(t, {
    ...window,
    wrapStore: (store) => ({ ...store, beginUpload: () => Promise.reject(unavailable) }),
    answer: ({ from }) => (from === undefined || from === 0 ? {} : { refuse: unsupported }),
  });
  await fill.running;
  // No reader is at the beginning of the blob, so its segment is freed.
  await until(() => fill.presentBytes >= 900_000);
  const late = open();
  await assert.rejects(readAll(late), (error) => isCacheError(error, 'store-unavailable'));
  await late.close();
  await until(() => spools.usedBytes === 0);
});
