// A reader ends cleanly only with the bytes of the verified blob, from any number of sources and windows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CacheError } from '@cistern/errors';
import { bytesOf, collect, seeded } from '@cistern/oci/testing';
import { chunkBytes, createBufferPool } from './buffer-pool.ts';
import { type ByteSource, SourceInterrupted, type SourceReader } from './byte-source.ts';
import { openFailoverReader } from './failover-reader.ts';
import { createSharedReads } from './shared-reads.ts';

const segmentBytes = 100_000;
const size = 5 * segmentBytes - 1234;
const right = bytesOf(size);
const rightTable = { segmentBytes, crcs: crcsOf(right) };

function crcsOf(bytes: Buffer): number[] {
  const crcs: number[] = [];
  for (let at = 0; at < bytes.length; at += segmentBytes) crcs.push(crc32(bytes.subarray(at, at + segmentBytes)));
  return crcs;
}

function flipped(...positions: number[]): Buffer {
  const bytes = Buffer.from(right);
  for (const position of positions) bytes[position]! ^= 1;
  return bytes;
}

interface Place extends Partial<Pick<SourceReader, 'table' | 'isUnverified'>> {
  readonly bytes: Buffer;
  /** The offset at which the source breaks off. */
  readonly until?: number;
  /** The most bytes that one read returns. */
  readonly readBytes?: number;
}

const fill = (bytes: Buffer, options: Partial<Place> = {}): Place => ({
  bytes,
  isUnverified: true,
  table: async () => rightTable,
  ...options,
});
const store: Place = { bytes: right, table: async () => rightTable };

const notRequested = () => assert.fail('a table was requested although it is not needed');
const lost = () => Promise.reject(new SourceInterrupted('the worker is unavailable'));
const failed = () => Promise.reject(new CacheError('content-mismatch', 'the blob does not match its digest'));

function openPlace({ bytes, until = bytes.length, readBytes = 7_777, ...rest }: Place, from: number): SourceReader {
  let at = from;
  return {
    ...rest,
    async read(into) {
      if (at >= until && until < bytes.length) throw new SourceInterrupted('the worker is unavailable');
      const length = bytes.copy(into, 0, at, Math.min(until, at + readBytes));
      at += length;
      return length;
    },
    close: async () => {},
  };
}

/** Each stream reads one after another from the sources that `next` returns. */
function startReads(next: (opened: number) => Place, patienceMs = 20) {
  const pool = createBufferPool(64 * 1024 * 1024);
  let castOut = 0;
  const reads = createSharedReads({ pool, onCastOut: () => (castOut += 1), patienceMs, maxChunks: 2 });
  let opened = 0;
  const source: ByteSource = {
    size,
    segmentBytes,
    open: (from, _, signal) =>
      openFailoverReader({ from, signal, openAt: async (position) => openPlace(next(opened++), position) }),
  };
  return {
    attach: (from = 0, toExclusive = size) => reads.attach('key', source, from, toExclusive),
    castOut: () => castOut,
    assertNothingLeft() {
      assert.equal(reads.windows, 0);
      assert.equal(pool.usedBytes, 0);
    },
  };
}

const through = (places: readonly Place[]) => startReads((opened) => places[Math.min(opened, places.length - 1)]!);
const isMismatch = { kind: 'content-mismatch' };

for (const [name, second] of [
  ['the store', store],
  ['another fill', fill(right)],
] as const) {
  test(`bytes of a worker that died are compared with the bytes verified later, in ${name}`, async () => {
    for (const diesAt of [40_000, segmentBytes, 2.5 * segmentBytes, size - 1]) {
      const whole = through([fill(right, { until: diesAt }), second]);
      assert.ok((await collect(whole.attach())).equals(right));
      whole.assertNothingLeft();
      for (const flip of [0, 39_999, segmentBytes - 1, 220_000, size - 2]) {
        if (flip >= diesAt) continue;
        const reads = through([fill(flipped(flip), { until: diesAt }), second]);
        await assert.rejects(collect(reads.attach()), isMismatch, `${flip} before ${diesAt}`);
        reads.assertNothingLeft();
      }
    }
  });
}

test('every segment is compared, even if a worker dies in each of them', async () => {
  const ends = [50_000, 150_000, 250_000, 350_000, 450_000];
  const places = (bytes: Buffer) => [...ends.map((until) => fill(bytes, { until })), store];
  assert.ok((await collect(through(places(right)).attach())).equals(right));
  for (const flip of [10, 120_000, 180_000, 449_999])
    await assert.rejects(collect(through(places(flipped(flip))).attach()), isMismatch, `${flip}`);
});

test('a range to the end is compared from its first complete segment on', async () => {
  const from = segmentBytes + 10;
  const reads = (flip: number) => through([fill(flipped(flip), { until: 3.5 * segmentBytes }), store]);
  await assert.rejects(collect(reads(2 * segmentBytes).attach(from)), isMismatch);
  assert.equal((await collect(reads(0).attach(from))).length, size - from);
});

test('a range that does not reach the end is returned as it arrives', async () => {
  const reads = through([fill(right, { table: notRequested })]);
  assert.ok((await collect(reads.attach(0, size - 1))).equals(right.subarray(0, -1)));
});

test('stored bytes are not compared', async () => {
  assert.ok((await collect(through([{ ...store, table: notRequested }]).attach())).equals(right));
});

test('unverified bytes without a table do not end cleanly', async () => {
  for (const table of [undefined, async () => undefined])
    await assert.rejects(collect(through([fill(right, { table })]).attach()), isMismatch);
});

test('a reader whose table has other segments does not end cleanly', async () => {
  const other = { segmentBytes: segmentBytes / 2, crcs: crcsOf(right) };
  await assert.rejects(collect(through([fill(right, { table: async () => other })]).attach()), isMismatch);
});

test('a table that fails also fails the reader before it returns the last bytes', async () => {
  const reader = through([fill(right, { table: failed })]).attach();
  let given = 0;
  await assert.rejects(async () => {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) given += chunk.length;
  }, isMismatch);
  assert.ok(given > 0 && given < size);
  reader.close();
});

test('a source that is lost after its last byte is followed by another one for its table', async () => {
  for (const second of [store, fill(right)]) {
    const reads = through([fill(right, { table: lost }), second]);
    for (const body of await Promise.all([collect(reads.attach()), collect(reads.attach())]))
      assert.ok(body.equals(right));
    await assert.rejects(collect(through([fill(flipped(7), { table: lost }), second]).attach()), isMismatch);
    reads.assertNothingLeft();
  }
});

test('a reader that was removed from a window with wrong bytes does not end cleanly in a correct window', async () => {
  const reads = startReads((opened) => fill(opened === 0 ? flipped(10) : right));
  const slow = reads.attach();
  await slow.next();
  const fast = collect(reads.attach());
  await assert.rejects(fast, isMismatch);
  assert.ok(reads.castOut() > 0);
  await assert.rejects(collect(slow), isMismatch);
  reads.assertNothingLeft();
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8])
  test(`readers of sources that die or return wrong bytes end with the right bytes or fail (${seed})`, async () => {
    const random = seeded(seed);
    let wrongSources = 0;
    const reads = startReads(() => {
      const readBytes = 5_000 + random(chunkBytes / 8);
      if (random(4) === 0) return { ...store, readBytes };
      const isLie = random(6) === 0;
      if (isLie) wrongSources += 1;
      const until = random(3) === 0 ? undefined : 1 + random(size);
      return fill(isLie ? flipped(random(size)) : right, { readBytes, ...(until !== undefined && { until }) });
    });
    let [ended, refused] = [0, 0];
    const readOne = async () => {
      const reader = reads.attach();
      const pauses = random(3);
      const given: Buffer[] = [];
      try {
        for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
          given.push(Buffer.from(chunk));
          if (pauses > 0) await delay(random(pauses * 30));
        }
        ended += 1;
        assert.ok(Buffer.concat(given).equals(right), 'wrong bytes ended cleanly');
      } catch (error) {
        if ((error as CacheError).kind !== 'content-mismatch' && (error as CacheError).kind !== 'store-unavailable')
          throw error;
        refused += 1;
      } finally {
        reader.close();
      }
      if (given.length > 0 && wrongSources === 0) assert.ok(Buffer.concat(given).equals(right));
    };
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        await delay(random(200));
        await readOne();
      }),
    );
    assert.equal(ended + refused, 30);
    reads.assertNothingLeft();
  });
