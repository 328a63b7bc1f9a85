// A reader goes on where its places break off, for as long as that is of use, and knows what of it is proven.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { readAll } from '../testing/start-fill-server.ts';
import { bytesOf } from '@cistern/oci/testing';
import {
  type Verification,
  type DeliveredBytes,
  type PlaceReader,
  openFailoverReader,
  SourceInterrupted,
} from '@cistern/streams';

const bytes = bytesOf(1_000);
const { signal } = new AbortController();
const never = () => assert.fail('nothing is to be proven');

interface PlaceOptions {
  readonly verification?: Verification;
  readonly delivered?: DeliveredBytes;
}

/** Gives `length` bytes from `position`, ten at a time, and is interrupted then. */
function placeAt(position: number, length: number, options: PlaceOptions = {}) {
  let at = position;
  const place = {
    ...options,
    closed: 0,
    async read(into: Uint8Array) {
      const end = Math.min(bytes.length, position + length);
      if (at === end && end < bytes.length) throw new SourceInterrupted('gone');
      const count = Math.min(10, end - at, into.length);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return count;
    },
    async close() {
      place.closed += 1;
    },
  };
  return place;
}

test('it goes on at each next place from where it was, and closes every one', async () => {
  const places: ReturnType<typeof placeAt>[] = [];
  const opened: [number, number][] = [];
  const reader = await openFailoverReader({
    from: 100,
    signal,
    prove: never,
    async openAt(position, interruptions) {
      opened.push([position, interruptions]);
      const place = placeAt(position, 250);
      places.push(place);
      return place;
    },
  });
  assert.ok((await readAll(reader)).equals(bytes.subarray(100)));
  await reader.close();
  await reader.close();
  assert.deepEqual(opened, [
    [100, 0],
    [350, 1],
    [600, 1],
    [850, 1],
  ]);
  assert.ok(places.every(({ closed }) => closed === 1));
});

test('places that give nothing are tried a few times, with longer and longer pauses, and no more', async () => {
  const interruptions: number[] = [];
  const reader = await openFailoverReader({
    from: 0,
    signal,
    prove: never,
    async openAt(position, count) {
      interruptions.push(count);
      return placeAt(position, position === 0 ? 500 : 0);
    },
  });
  await assert.rejects(readAll(reader), (error) => isCacheError(error, 'store-unavailable'));
  assert.deepEqual(interruptions, [0, 1, 2, 3, 4, 5, 6, 7]);
  await reader.close();
});

test('what is no interruption ends it at once', async () => {
  const reader = await openFailoverReader({
    from: 0,
    signal,
    prove: never,
    async openAt() {
      return { ...placeAt(0, 1), read: () => Promise.reject(new Error('other bytes')) };
    },
  });
  await assert.rejects(reader.read(Buffer.alloc(10)), /other bytes/);
  await reader.close();
});

test('closed while a place is being opened, it closes that too', async () => {
  const opening = Promise.withResolvers<PlaceReader>();
  const second = placeAt(10, 10);
  let given: AbortSignal | undefined;
  const reader = await openFailoverReader({
    from: 0,
    signal,
    prove: never,
    async openAt(position, _, ending) {
      if (position === 0) return placeAt(0, 10);
      given = ending;
      return opening.promise;
    },
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

test('closed in a pause between two tries, it tries no more', async () => {
  let opened = 0;
  const reader = await openFailoverReader({
    from: 0,
    signal,
    prove: never,
    openAt: async (position) => {
      opened += 1;
      return placeAt(position, 0);
    },
  });
  const waiting = reader.read(Buffer.alloc(10));
  while (opened < 2) await new Promise(setImmediate);
  await reader.close();
  const before = opened;
  await assert.rejects(waiting, /closed/);
  assert.equal(opened, before);
});

test('who leaves before the first place is open, opens none', async () => {
  const leaving = new AbortController();
  const opening = openFailoverReader({
    from: 0,
    signal: leaving.signal,
    prove: never,
    openAt: (_, __, ending) =>
      new Promise((_resolve, reject) => ending.addEventListener('abort', () => reject(ending.reason as Error))),
  });
  leaving.abort(new Error('left'));
  await assert.rejects(opening, /left/);
  await assert.rejects(openFailoverReader({ from: 0, signal: leaving.signal, prove: never, openAt: never }), /left/);
});

test('it is proven if every place is, by itself or by its checksum, and lost if one is', async () => {
  const delivered = { from: 0, endExclusive: 400, checksum: 7 };
  const proofOf = async (states: ('proven' | 'open' | 'lost')[], isSame = true) => {
    const proven: DeliveredBytes[] = [];
    const left = [...states];
    const reader = await openFailoverReader({
      from: 0,
      signal,
      async prove(given) {
        proven.push(given);
        return isSame;
      },
      async openAt(position) {
        const state = left.shift()!;
        return placeAt(position, 400, {
          verification: async () => state,
          ...(state === 'open' && { delivered: { ...delivered, from: position, endExclusive: position + 400 } }),
        });
      },
    });
    await readAll(reader);
    const answers = [await reader.verification!('not lost'), await reader.verification!('proven')];
    await reader.close();
    return [...answers, proven.length];
  };
  assert.deepEqual(await proofOf(['proven', 'proven', 'proven']), ['proven', 'proven', 0]);
  assert.deepEqual(await proofOf(['open', 'proven', 'proven']), ['open', 'proven', 1]);
  assert.deepEqual(await proofOf(['open', 'open', 'proven']), ['open', 'proven', 2]);
  assert.deepEqual(await proofOf(['open', 'proven', 'proven'], false), ['open', 'lost', 1]);
  assert.deepEqual(await proofOf(['proven', 'lost', 'proven']), ['lost', 'lost', 0]);
});

test('a place that gave nothing needs no verification', async () => {
  let opened = 0;
  const delivered = { from: 0, endExclusive: 0, checksum: 0 };
  const reader = await openFailoverReader({
    from: 0,
    signal,
    prove: never,
    async openAt(position) {
      opened += 1;
      return opened === 1
        ? placeAt(0, 0, { delivered, verification: async () => 'lost' })
        : placeAt(position, bytes.length);
    },
  });
  await readAll(reader);
  assert.equal(await reader.verification!('proven'), 'proven');
  await reader.close();
});

test('an index or a store that is away for a moment breaks off nobody who is halfway through', async () => {
  const away = new CacheError('store-unavailable', 'The store is silent.');
  const failures = [away, new CacheError('index-unavailable', 'The index is away.')];
  const reader = await openFailoverReader({
    from: 0,
    signal,
    prove: never,
    async openAt(position) {
      const failure = position > 0 ? failures.shift() : undefined;
      if (failure !== undefined) throw failure;
      return placeAt(position, 500);
    },
  });
  assert.ok((await readAll(reader)).equals(bytes));
  assert.equal(failures.length, 0);
  await reader.close();
  const openAt = async () => Promise.reject(away);
  await assert.rejects(openFailoverReader({ from: 0, signal, prove: never, openAt }), away);
});

test('bytes that many readers want verified are verified once', async () => {
  let proofs = 0;
  const reader = await openFailoverReader({
    from: 0,
    signal,
    async prove() {
      proofs += 1;
      return true;
    },
    openAt: async (position) =>
      placeAt(
        position,
        500,
        position === 0
          ? { verification: async () => 'open', delivered: { from: 0, endExclusive: 500, checksum: 1 } }
          : {},
      ),
  });
  await readAll(reader);
  const states = await Promise.all(Array.from({ length: 30 }, async () => reader.verification?.('proven')));
  assert.deepEqual(new Set(states), new Set(['proven']));
  assert.equal(await reader.verification?.('proven'), 'proven');
  assert.equal(proofs, 1);
  await reader.close();
});
