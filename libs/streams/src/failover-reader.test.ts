// Tests that a reader continues at the next source when one breaks off, with limits on time and tries.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { bytesOf } from '@cistern/oci/testing';
import { SourceInterrupted, type SourceReader } from './byte-source.ts';
import { type FailoverReaderOptions, type Interruptions, openFailoverReader } from './failover-reader.ts';

const bytes = bytesOf(1_000);
const { signal } = new AbortController();
const table = { segmentBytes: 1_000, crcs: [1] };
const lost = () => Promise.reject(new SourceInterrupted('unavailable'));
const open = (openAt: FailoverReaderOptions['openAt'], from = 0) => openFailoverReader({ from, signal, openAt });

/** A source with `length` bytes from `position` on. It returns ten bytes per read, and is then interrupted. */
function sourceAt(position: number, length: number, options: Partial<SourceReader> & { isStored?: boolean } = {}) {
  let at = position;
  const source = {
    closed: 0,
    async read(into: Uint8Array) {
      const end = Math.min(bytes.length, position + length);
      if (at === end && end < bytes.length)
        throw new SourceInterrupted('unavailable', { isStored: options.isStored === true });
      const count = Math.min(10, end - at, into.length);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return count;
    },
    async close() {
      source.closed += 1;
    },
    ...options,
  };
  return source;
}

async function readAll(reader: SourceReader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const into = Buffer.alloc(64);
  for (let length = await reader.read(into); length > 0; length = await reader.read(into))
    chunks.push(Buffer.from(into.subarray(0, length)));
  return Buffer.concat(chunks);
}

test('the reader continues at each next source from its position, and closes every one', async () => {
  const sources: ReturnType<typeof sourceAt>[] = [];
  const opened: [number, Interruptions][] = [];
  const reader = await open(async (position, before) => {
    opened.push([position, before]);
    const source = sourceAt(position, 250, { isStored: position > 500 });
    sources.push(source);
    return source;
  }, 100);
  assert.ok((await readAll(reader)).equals(bytes.subarray(100)));
  await reader.close();
  await reader.close();
  assert.deepEqual(opened, [
    [100, { inARow: 0, isStored: false }],
    [350, { inARow: 1, isStored: false }],
    [600, { inARow: 1, isStored: false }],
    [850, { inARow: 1, isStored: true }],
  ]);
  assert.ok(sources.every(({ closed }) => closed === 1));
});

test('the reader’s bytes count as verified if those of its current source do', async () => {
  const reader = await open(async (position) => sourceAt(position, 500, { isUnverified: position === 0 }));
  const into = Buffer.alloc(500);
  const seen: boolean[] = [];
  for (let at = 0; at < bytes.length; at += await reader.read(into)) seen.push(reader.isUnverified === true);
  assert.equal(seen.filter(Boolean).length, 51);
  assert.equal(reader.isUnverified, false);
});

test('sources that return nothing are tried a few times with growing pauses, and then the reader fails', async () => {
  const interruptions: number[] = [];
  const startedMs = performance.now();
  const reader = await open(async (position, { inARow }) => {
    interruptions.push(inARow);
    return sourceAt(position, position === 0 ? 500 : 0);
  });
  await assert.rejects(readAll(reader), (error) => isCacheError(error, 'store-unavailable'));
  assert.deepEqual(interruptions, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.equal(Math.round((performance.now() - startedMs) / 100), 2 + 3 + 4 + 5 + 6 + 7);
  await reader.close();
});

test('an error other than an interruption ends the reader immediately', async () => {
  const reader = await open(async () => sourceAt(0, 1, { read: () => Promise.reject(new Error('other bytes')) }));
  await assert.rejects(reader.read(Buffer.alloc(10)), /other bytes/);
  await reader.close();
});

test('a reader that is closed while it opens a source also closes that source', async () => {
  const opening = Promise.withResolvers<SourceReader>();
  const second = sourceAt(10, 10);
  let given: AbortSignal | undefined;
  const reader = await open(async (position, _, ending) => {
    if (position === 0) return sourceAt(0, 10);
    given = ending;
    return opening.promise;
  });
  const buffer = Buffer.alloc(100);
  assert.equal(await reader.read(buffer), 10);
  const waiting = reader.read(buffer);
  await new Promise(setImmediate);
  await reader.close();
  assert.equal(given?.aborted, true);
  opening.resolve(second);
  await assert.rejects(waiting, /closed/);
  assert.equal(second.closed, 1);
});

test('a reader that is closed in a pause between two tries stops trying', async () => {
  let opened = 0;
  const reader = await open(async (position) => {
    opened += 1;
    return sourceAt(position, 0);
  });
  const waiting = reader.read(Buffer.alloc(10));
  while (opened < 2) await new Promise(setImmediate);
  await reader.close();
  const before = opened;
  await assert.rejects(waiting, /closed/);
  assert.equal(opened, before);
});

test('a reader whose signal aborts before it opens the first source opens none', async () => {
  const leaving = new AbortController();
  let opened = 0;
  const openAt: FailoverReaderOptions['openAt'] = (_, __, ending) => {
    opened += 1;
    return new Promise((_resolve, reject) => ending.addEventListener('abort', () => reject(ending.reason as Error)));
  };
  const opening = openFailoverReader({ from: 0, signal: leaving.signal, openAt });
  leaving.abort(new Error('left'));
  await assert.rejects(opening, /left/);
  await assert.rejects(openFailoverReader({ from: 0, signal: leaving.signal, openAt }), /left/);
  assert.equal(opened, 1);
});

test('a short outage of index or store does not break off a reader in the middle of a blob', async () => {
  const unavailable = new CacheError('store-unavailable', 'The store is silent.');
  const failures = [unavailable, new CacheError('index-unavailable', 'The index is down.')];
  const reader = await open(async (position) => {
    const failure = position > 0 ? failures.shift() : undefined;
    if (failure !== undefined) throw failure;
    return sourceAt(position, 500);
  });
  assert.ok((await readAll(reader)).equals(bytes));
  assert.equal(failures.length, 0);
  await reader.close();
  await assert.rejects(
    open(async () => Promise.reject(unavailable)),
    unavailable,
  );
});

test('a store that stays unavailable fails a reader in the middle of a blob after half a minute', async () => {
  const unavailable = new CacheError('store-unavailable', 'The store is silent.');
  const startedMs = performance.now();
  const reader = await open(async (position) => (position > 0 ? Promise.reject(unavailable) : sourceAt(0, 500)));
  await assert.rejects(readAll(reader), unavailable);
  assert.equal(Math.round((performance.now() - startedMs) / 1000), 30);
});

test('many readers that need the table request it once', async () => {
  let requested = 0;
  const reader = await open(async (position) =>
    sourceAt(position, 1_000, {
      async table() {
        requested += 1;
        return table;
      },
    }),
  );
  await readAll(reader);
  const tables = await Promise.all(Array.from({ length: 30 }, async () => reader.table?.()));
  assert.ok(tables.every((one) => one === table));
  await reader.close();
  assert.equal(await reader.table?.(), table);
  assert.equal(requested, 1);
});

test('a source that is lost before it returns its table is followed by another one at the last byte', async () => {
  const opened: number[] = [];
  const sources: ReturnType<typeof sourceAt>[] = [];
  const reader = await open(async (position) => {
    opened.push(position);
    const source = sourceAt(position, 1_000, { table: opened.length < 3 ? lost : async () => table });
    sources.push(source);
    return source;
  });
  await readAll(reader);
  assert.equal(await reader.table?.(), table);
  assert.deepEqual(opened, [0, 999, 999]);
  await reader.close();
  assert.ok(sources.every(({ closed }) => closed === 1));
});

test('sources that return the last byte but never their table are tried a few times, and then the reader fails', async () => {
  let opened = 0;
  const reader = await open(async (position) => {
    opened += 1;
    return sourceAt(position, 1_000, { table: lost });
  });
  await readAll(reader);
  await assert.rejects(reader.table!(), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal(opened, 8);
  await reader.close();
});
