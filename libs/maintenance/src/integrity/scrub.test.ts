// Tests what a scrub finds, and how it repairs it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BlobStore, putBytes, quarantineKey, quarantinePrefix, readBytes } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { type Digest, digestHex, digestOf } from '@cistern/oci';
import { dayMs, startScrubbedCache } from '../testing/start-scrubbed-cache.ts';
import { bytesOf } from '@cistern/oci/testing';
import { readScrubReport } from './scrub-report.ts';

const { signal } = new AbortController();

async function fail(): Promise<never> {
  throw new CacheError('store-unavailable', 'EIO');
}

for (const store of ['memory', 'fs'] as const)
  test(`a flipped bit in a layer and one in a manifest are found and healed (${store})`, async (t) => {
    const started = await startScrubbedCache(t, { store });
    const { scrub, flip, pullImage, isRight, hub, pull, clock, index, lines, count } = started;
    const image = await pullImage('latest', [1, 2]);
    assert.deepEqual(await scrub(), {
      objects: 4,
      bytes: image.size,
      verified: 0,
      adopted: 0,
      forgotten: 0,
      damaged: 0,
      healed: 0,
      failed: 0,
    });
    const [layer, manifest] = [image.blobs[1]!, image.manifest];
    const damaged = await flip(layer);
    await flip(manifest);
    const gets = hub.gets.length;
    assert.partialDeepStrictEqual(await scrub(), { objects: 4, damaged: 2, healed: 2 });
    assert.ok((await isRight(layer)) && (await isRight(manifest)));
    assert.equal((await index.manifests.get(manifest))?.size, (await index.blobs.get(manifest))?.size);
    assert.equal(hub.gets.length, gets + 1);
    assert.equal(digestOf(await pull(layer)), layer);
    assert.equal(hub.gets.length, gets + 1);
    assert.ok(damaged.equals((await started.store.readObject(quarantineKey(layer, clock.nowMs)))!));
    const report = await readScrubReport(started.store);
    assert.deepEqual(
      new Map(report!.damages.map(({ digest, healed, note }) => [digest, `${healed} ${note}`])),
      new Map([layer, manifest].map((digest) => [digest, 'true fetched again from docker.io/library/nginx'])),
    );
    assert.equal(report!.lastEnded!.endedAtMs, clock.nowMs);
    assert.ok(lines.some((line) => line.includes('scrub found damaged objects')));
    assert.deepEqual([await count('objects'), await count('damaged'), await count('healed')], [8, 2, 2]);
    assert.partialDeepStrictEqual(await scrub(), { objects: 4, damaged: 0 });
  });

test('a truncated or empty object is healed too', async (t) => {
  const { scrub, pullImage, isRight, store } = await startScrubbedCache(t);
  const image = await pullImage('latest', [1, 2]);
  const [, short, empty] = image.blobs;
  await putBytes(store, short!, Buffer.from((await readBytes(store, short!, 1e6))!).subarray(0, 70_000));
  await putBytes(store, empty!, Buffer.alloc(0));
  assert.partialDeepStrictEqual(await scrub(), { damaged: 2, healed: 2 });
  assert.ok((await isRight(short!)) && (await isRight(empty!)));
});

test('an object that cannot be fetched again is reported, and the next pull fetches it', async (t) => {
  const { scrub, flip, pullImage, pull, hub, store, clock } = await startScrubbedCache(t);
  const image = await pullImage('latest', [1]);
  const stranger = bytesOf(1000, 77);
  await putBytes(store, digestOf(stranger), stranger.subarray(1));
  await flip(image.blobs[1]!);
  hub.script.down = new CacheError('upstream-unreachable', 'The upstream is unavailable.');
  clock.nowMs = Date.now() + dayMs;
  assert.partialDeepStrictEqual(await scrub(), { adopted: 1, damaged: 2, healed: 0 });
  const notes = new Map((await readScrubReport(store))!.damages.map(({ digest, note }) => [digest, note]));
  assert.match(
    notes.get(image.blobs[1]!)!,
    /^could not be fetched from docker.io\/library\/nginx: The upstream is unavailable/,
  );
  assert.match(notes.get(digestOf(stranger))!, /^no repository is known to hold it/);
  assert.equal(await store.stat(digestOf(stranger)), undefined);
  hub.script.down = undefined;
  clock.nowMs += 10_000;
  assert.equal(digestOf(await pull(image.blobs[1]!)), image.blobs[1]);
});

test('an unknown object in the store is adopted and verified when no fill can still record it', async (t) => {
  const { scrub, store, index, clock } = await startScrubbedCache(t);
  clock.nowMs = Date.now() - dayMs;
  const bytes = bytesOf(5000, 3);
  const digest = digestOf(bytes);
  await putBytes(store, digest, bytes);
  assert.partialDeepStrictEqual(await scrub(), { objects: 0, adopted: 0 });
  assert.ok((await store.stat(digest)) !== undefined);
  assert.partialDeepStrictEqual(await scrub(), { objects: 1, adopted: 1, verified: 1 });
  assert.deepEqual(
    [(await index.blobs.get(digest))?.verified, await index.blobs.totals()],
    [true, { blobs: 1, bytes: 5000 }],
  );
});

test('a signed manifest is verified by the digest of its signed part', async (t) => {
  const { scrub, store, clock } = await startScrubbedCache(t);
  clock.nowMs = Date.now();
  const signed = '{"schemaVersion":1}';
  const part = { formatLength: signed.length - 1, formatTail: Buffer.from('}').toString('base64url') };
  const encoded = Buffer.from(JSON.stringify(part)).toString('base64url');
  const bytes = Buffer.from(`${signed.slice(0, -1)},"signatures":[{"protected":"${encoded}"}]}`);
  await putBytes(store, digestOf(Buffer.from(signed)), bytes);
  assert.partialDeepStrictEqual(await scrub(), { objects: 1, verified: 1, damaged: 0 });
});

test('an adopted object counts with its actual size', async (t) => {
  const { scrub, store, index } = await startScrubbedCache(t);
  const bytes = bytesOf(5000, 3);
  const digest = digestOf(bytes);
  await putBytes(store, digest, bytes);
  await index.blobs.put({
    schema: 1,
    digest,
    size: 4000,
    state: 'present',
    verified: false,
    storedAtMs: 1,
    lastPulledAtMs: 2,
  });
  assert.partialDeepStrictEqual(await scrub(), { objects: 1, verified: 1, damaged: 0 });
  assert.partialDeepStrictEqual(await index.blobs.get(digest), { size: 5000, verified: true, lastPulledAtMs: 2 });
});

test('a record without an object is forgotten, and so is a deletion whose worker died', async (t) => {
  const { scrub, pullImage, store, index, pull, hub } = await startScrubbedCache(t);
  const image = await pullImage('latest', [1, 2, 3]);
  const [config, gone, deleted, halfway] = image.blobs;
  await store.remove(gone!);
  await store.remove(deleted!);
  for (const digest of [deleted!, halfway!])
    await index.blobs.put({ ...(await index.blobs.get(digest))!, state: 'deleting' });
  assert.partialDeepStrictEqual(await scrub(), { objects: 2, forgotten: 1 });
  for (const digest of [gone!, deleted!, halfway!]) assert.equal(await index.blobs.get(digest), undefined);
  assert.equal(await store.stat(halfway!), undefined);
  assert.equal((await index.blobs.totals()).blobs, 2);
  const gets = hub.gets.length;
  for (const digest of [config!, gone!]) assert.equal(digestOf(await pull(digest)), digest);
  assert.equal(hub.gets.length, gets + 1);
});

test('an object is not damaged after one wrong read, or when it is replaced during a read', async (t) => {
  const spoil = { once: new Set<Digest>(), replaced: undefined as Digest | undefined };
  const { scrub, pullImage, store, index, clock } = await startScrubbedCache(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      async open(digest, range) {
        const reader = await inner.open(digest, range);
        if (reader === undefined || (!spoil.once.delete(digest) && spoil.replaced !== digest)) return reader;
        if (spoil.replaced === digest)
          await index.blobs.put({ ...(await index.blobs.get(digest))!, storedAtMs: clock.nowMs });
        return {
          ...reader,
          async read(into) {
            const length = await reader.read(into);
            if (length > 0) into[0]! ^= 1;
            return length;
          },
        };
      },
    }),
  });
  const image = await pullImage('latest', [1, 2]);
  spoil.once.add(image.blobs[1]!);
  spoil.replaced = image.blobs[2]!;
  assert.partialDeepStrictEqual(await scrub(), { damaged: 0, healed: 0 });
  for (const digest of image.digests) assert.ok((await store.stat(digest)) !== undefined);
});

test('an unreadable object is damaged; objects of an unavailable store are not', async (t) => {
  const failing = { digest: undefined as Digest | undefined, store: false };
  const { scrub, pullImage, isRight } = await startScrubbedCache(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      open: async (digest, range) => (digest === failing.digest ? fail() : inner.open(digest, range)),
      check: async () => (failing.store ? fail() : inner.check()),
      stat: async (digest) => (failing.store ? fail() : inner.stat(digest)),
      async quarantine(digest, atMs) {
        failing.digest = undefined;
        return inner.quarantine(digest, atMs);
      },
    }),
  });
  const image = await pullImage('latest', [1]);
  failing.digest = image.blobs[1]!;
  failing.store = true;
  await assert.rejects(scrub(), { kind: 'store-unavailable' });
  failing.store = false;
  assert.partialDeepStrictEqual(await scrub(), { damaged: 1, healed: 1 });
  assert.ok(await isRight(image.blobs[1]!));
});

/** Returns contents of a few bytes whose digests are all in one shard. */
function contentsOfOneShard(count: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; found.length < count; at += 1) {
    const bytes = Buffer.from(`${at}`);
    if (digestHex(digestOf(bytes)).startsWith('7f')) found.push(bytes);
  }
  return found;
}

test('an interrupted pass resumes where it stopped, also on another worker', async (t) => {
  const read: Digest[] = [];
  const ending = new AbortController();
  let stopAt = 4;
  const { openScrub, store, index, clock } = await startScrubbedCache(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      async open(digest, range) {
        read.push(digest);
        stopAt -= 1;
        if (stopAt === 0) ending.abort(new Error('the worker stops'));
        return inner.open(digest, range);
      },
    }),
  });
  const contents = contentsOfOneShard(6);
  for (const bytes of contents) {
    const digest = digestOf(bytes);
    await putBytes(store, digest, bytes);
    const times = { storedAtMs: 1, lastPulledAtMs: 1 };
    await index.blobs.put({ schema: 1, digest, size: bytes.length, state: 'present', verified: true, ...times });
  }
  await assert.rejects(openScrub().run(ending.signal), /the worker stops/);
  const { pass } = (await readScrubReport(store))!;
  assert.deepEqual([pass.endedAtMs, pass.counts.objects], [undefined, 3]);
  clock.nowMs += 60_000;
  const ended = await openScrub().run(signal);
  assert.equal(ended?.counts.objects, contents.length);
  // The object that was being read is read again.
  const order = contents.map((bytes) => digestOf(bytes)).toSorted();
  assert.deepEqual(read, [...order.slice(0, 4), ...order.slice(3)]);
  assert.equal(await openScrub().run(signal), undefined);
});

test('the scrub does not exceed its rate', async (t) => {
  const bytesPerSecond = 2_000_000;
  const { openScrub, pullImage, clock, metrics } = await startScrubbedCache(t, {}, { bytesPerSecond });
  const { size } = await pullImage('latest', [...Array(30).keys()]);
  clock.nowMs += dayMs;
  const startedAtMs = performance.now();
  const readSoFar = async () => (await metrics.scrubBytes.get()).values[0]!.value;
  async function measure(): Promise<void> {
    const bytes = await readSoFar();
    const allowed = ((performance.now() - startedAtMs) / 1000) * bytesPerSecond + 200_000;
    if (bytes > allowed) exceeded = `${bytes} bytes of ${allowed}`;
  }
  const timer = setInterval(() => void measure(), 20);
  let exceeded = '';
  const pass = await openScrub().run(signal);
  clearInterval(timer);
  assert.equal(pass?.counts.bytes, size);
  assert.equal(exceeded, '');
  // A timer may be a little early.
  assert.ok(performance.now() - startedAtMs > (size / bytesPerSecond) * 1000 - 10);
});

test('a scrub does not prevent eviction, and waits while the index is rebuilt', async (t) => {
  let isComplete = false;
  const { openScrub, pullImage, index } = await startScrubbedCache(t, {
    wrapIndex: (inner) => ({ ...inner, epoch: { ...inner.epoch, isComplete: async () => isComplete } }),
  });
  const image = await pullImage('latest', [1]);
  const pulledAt = async () =>
    Promise.all(image.digests.map(async (digest) => (await index.blobs.get(digest))?.lastPulledAtMs));
  const before = await pulledAt();
  assert.equal(await openScrub().run(signal), undefined);
  isComplete = true;
  assert.equal((await openScrub().run(signal))?.counts.objects, 3);
  assert.deepEqual(await pulledAt(), before);
});

test('objects in quarantine are removed when they are old or too many', async (t) => {
  const { scrub, store, clock } = await startScrubbedCache(t);
  const kept = async () => {
    const keys: string[] = [];
    for await (const key of store.listObjects(quarantinePrefix)) keys.push(key);
    return keys.length;
  };
  for (let at = 0; at < 40; at += 1) {
    const bytes = bytesOf(10, at + 1);
    await putBytes(store, digestOf(bytes), bytes);
    await store.quarantine(digestOf(bytes), clock.nowMs + at);
  }
  await scrub();
  assert.equal(await kept(), 32);
  clock.nowMs += 7 * dayMs;
  await scrub();
  assert.equal(await kept(), 0);
});
