// Tests stored objects with a flipped byte. No client gets such a manifest or small blob. In a large blob, the first
// whole read of the day or a repeated request of a client detects the damage.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BlobStore, putBytes, quarantinePrefix } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { type Digest, digestOf } from '@cistern/oci';
import { dayMs, startScrubbedCache } from '../testing/start-scrubbed-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import type { TestCacheOptions } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const away = new CacheError('upstream-unreachable', 'The upstream is unavailable.');
const minuteMs = 60_000;
const checkedAgainMs = 1001;
const large = bytesOf(3_000_000);

async function start(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startScrubbedCache(t, { leastSegmentBytes: 16 * 1024 * 1024, ...options });
  const { hub, pull, isRight, store, clock, metrics } = started;
  /** Stores a blob as a pull does. */
  async function fill(bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<Digest> {
    const digest = hub.addBlob(library.repository, bytes, algorithm);
    await pull(digest);
    await until(() => isRight(digest));
    // The store time of a replacement must be later.
    clock.nowMs += 1;
    return digest;
  }
  const quarantined = async () => {
    const keys: string[] = [];
    for await (const key of store.listObjects(quarantinePrefix)) keys.push(key.slice(quarantinePrefix.length));
    return keys.map((key) => key.replace(/-\d+$/, ''));
  };
  const damagesCounted = async () =>
    (await metrics.scrubObjects.get()).values.find(({ labels }) => labels.kind === 'damaged')?.value;
  return { ...started, fill, blobs: store, quarantined, damagesCounted };
}

for (const store of ['memory', 'fs'] as const)
  test(`a damaged manifest is fetched again before its client gets a response (${store})`, async (t) => {
    const { pullImage, restartFrontend, flip, isRight, quarantined, damagesCounted, hub } = await start(t, { store });
    const { manifest } = await pullImage('latest', [1]);
    const request = { ...library, reference: { kind: 'digest', digest: manifest } } as const;
    await flip(manifest);
    assert.equal(digestOf((await restartFrontend().openManifest(request)).bytes), manifest);
    assert.ok(await isRight(manifest));
    assert.deepEqual(await quarantined(), [manifest]);
    assert.equal(await damagesCounted(), 1);
    await flip(manifest);
    hub.script.down = away;
    await assert.rejects(restartFrontend().openManifest(request), { kind: 'upstream-unreachable' });
  });

for (const store of ['memory', 'fs'] as const)
  for (const algorithm of ['sha256', 'sha512'] as const)
    test(`a damaged small blob is fetched again before its client gets a response (${store}, ${algorithm})`, async (t) => {
      const started = await start(t, { store });
      const { restartFrontend, flip, isRight, quarantined, damagesCounted, hub } = started;
      for (const size of [5000, 500_000]) {
        const bytes = bytesOf(size, size);
        const digest = await started.fill(bytes, algorithm);
        for (const range of [undefined, { start: 10, end: size - 1 }]) {
          const [damages, gets] = [await damagesCounted(), hub.gets.length];
          await flip(digest);
          const intent = range === undefined ? 'whole' : 'ranges';
          const stream = await (await restartFrontend().openBlob({ ...library, digest, intent })).read(range);
          assert.ok((await collect(stream)).equals(bytes.subarray(range?.start ?? 0)));
          assert.equal(stream.cache, 'MISS');
          await until(() => isRight(digest));
          assert.deepEqual([await damagesCounted(), hub.gets.length], [damages! + 1, gets + 1]);
          assert.ok((await quarantined()).includes(digest));
          started.clock.nowMs += 1;
        }
        hub.script.down = away;
        await flip(digest);
        const blob = await restartFrontend().openBlob({ ...library, digest, intent: 'whole' });
        await assert.rejects(blob.read(), { kind: 'upstream-unreachable' });
        hub.script.down = undefined;
      }
    });

test('a damaged small blob that is streamed for lack of memory is fetched again before its client gets a response', async (t) => {
  const { fill, flip, pull, isRight } = await start(t, { readBufferBytes: 64 * 1024 });
  const digest = await fill(bytesOf(300_000));
  await flip(digest);
  assert.equal(digestOf(await pull(digest)), digest);
  await until(() => isRight(digest));
});

for (const store of ['memory', 'fs'] as const)
  for (const algorithm of ['sha256', 'sha512'] as const)
    test(`a repeated read of damaged bytes has no clean end, and the third read is correct (${store}, ${algorithm})`, async (t) => {
      const started = await start(t, { store });
      const { flip, pull, quarantined, damagesCounted, hub, isRight, clock } = started;
      const digest = await started.fill(large, algorithm);
      assert.ok((await pull(digest, 'a')).equals(large));
      const damaged = await flip(digest);
      // The client may have rejected its first response.
      clock.nowMs += minuteMs - 1;
      await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
      assert.deepEqual([await quarantined(), await damagesCounted()], [[digest], 1]);
      assert.ok((await pull(digest, 'a')).equals(large));
      await until(() => isRight(digest));
      assert.equal(hub.gets.length, 2);
      assert.ok(!damaged.equals(large));
    });

test('a client gets wrong bytes with a clean end at most once, however often it retries', async (t) => {
  const { fill, flip, pull, clock } = await start(t);
  const digest = await fill(large);
  await pull(digest, 'a');
  const damaged = await flip(digest);
  assert.ok((await pull(digest, 'b')).equals(damaged), 'not due');
  clock.nowMs += checkedAgainMs;
  await assert.rejects(pull(digest, 'b'), { kind: 'content-mismatch' });
  assert.ok((await pull(digest, 'b')).equals(large));
});

test('a frontend checks its first whole read of a blob each day', async (t) => {
  const { fill, flip, cache, restartFrontend, clock, isRight, index } = await start(t);
  const digest = await fill(large);
  const read = async (from: typeof cache, client?: string) =>
    collect(await (await from.openBlob({ ...library, digest, intent: 'whole', client })).read());
  assert.ok((await read(cache)).equals(large));
  assert.equal((await index.blobs.get(digest))?.table?.crcs.length, 1, 'the read added its table');
  await flip(digest);
  await assert.rejects(read(restartFrontend()), { kind: 'content-mismatch' });
  assert.ok((await read(restartFrontend())).equals(large));
  await until(() => isRight(digest));
  assert.ok((await read(cache)).equals(large), 'the object was replaced');
  const damaged = await flip(digest);
  clock.nowMs += dayMs - 1;
  assert.ok((await read(cache, 'a')).equals(damaged), 'not due');
  clock.nowMs += minuteMs + 1;
  await assert.rejects(read(cache, 'a'), { kind: 'content-mismatch' });
  assert.ok((await read(cache, 'a')).equals(large));
});

test('a damaged blob is fetched again although its client does not retry', async (t) => {
  const { fill, flip, pull, isRight, hub } = await start(t);
  const digest = await fill(large);
  await flip(digest);
  await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
  await until(() => isRight(digest));
  assert.equal(hub.gets.length, 2);
});

test('reads of many clients, and of one that returns after a minute, are not checked', async (t) => {
  const { fill, flip, pull, cache, clock, quarantined } = await start(t);
  const digest = await fill(large);
  await pull(digest);
  const damaged = await flip(digest);
  for (const client of ['a', 'b', 'c', undefined, undefined]) assert.ok((await pull(digest, client)).equals(damaged));
  const part = await cache.openBlob({ ...library, digest, intent: 'ranges', client: 'b' });
  await collect(await part.read({ start: 0, end: 2_000_000 }));
  clock.nowMs += minuteMs + 1;
  assert.ok((await pull(digest, 'a')).equals(damaged));
  assert.deepEqual(await quarantined(), []);
  clock.nowMs += minuteMs - 1;
  await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
});

for (const hasTable of [false, true])
  test(`wrong bytes sent before the store failed are detected although the remaining bytes are correct (${hasTable ? 'by its table' : 'hashed'})`, async (t) => {
    const failing = { at: Infinity };
    const started = await start(t, {
      leastSegmentBytes: 1_250_000,
      wrapStore: (inner): BlobStore => ({
        ...inner,
        async open(digest, range) {
          const reader = await inner.open(digest, range);
          if (reader === undefined) return undefined;
          const failAt = failing.at;
          failing.at = Infinity;
          let given = 0;
          return {
            ...reader,
            async read(into) {
              if (given > failAt) throw new CacheError('store-unavailable', 'EIO');
              const length = await reader.read(into);
              given += length;
              return length;
            },
          };
        },
      }),
    });
    const { flip, pull, isRight, index } = started;
    const digest = await started.fill(large);
    const record = (await index.blobs.get(digest))!;
    assert.equal(record.verified && record.table?.crcs.length, 3);
    // An earlier release records no table.
    if (!hasTable) await index.blobs.put({ ...record, table: undefined });
    await flip(digest);
    failing.at = 2_000_000;
    await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
    await until(() => isRight(digest));
    assert.ok((await pull(digest, 'a')).equals(large));
  });

test('a client that retries within a minute is redirected to the bucket only if its object was just verified', async (t) => {
  const { fill, cache, pull, clock } = await start(t, {
    presignForMs: 1000,
    wrapStore: (inner): BlobStore => ({ ...inner, presign: async () => 'https://bucket.example/blob' }),
  });
  const digest = await fill(large);
  const locate = async () => {
    const blob = await cache.openBlob({ ...library, digest, intent: 'whole', client: 'a' });
    return blob.locate?.();
  };
  assert.deepEqual([await locate(), await locate()], ['https://bucket.example/blob', undefined]);
  await pull(digest, 'a');
  assert.equal(await locate(), 'https://bucket.example/blob');
  clock.nowMs += minuteMs + 1;
  assert.deepEqual([await locate(), await locate()], ['https://bucket.example/blob', undefined]);
});

test('requests that wait for a blob to be hashed share one read', async (t) => {
  const bytes = bytesOf(6_000_000);
  let opens = 0;
  const reading = Promise.withResolvers<void>();
  const { hub, index, blobs, cache } = await start(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      async open(digest, range) {
        if (range !== undefined) return inner.open(digest, range);
        opens += 1;
        await reading.promise;
        return inner.open(digest);
      },
    }),
  });
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  await putBytes(blobs, digest, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  const reads = [1, 2, 3].map(async (from) => collect(await blob.read({ start: from, end: bytes.length - 1 })));
  await until(() => opens > 0);
  reading.resolve();
  for (const [at, read] of reads.entries()) assert.ok((await read).equals(bytes.subarray(at + 1)));
  assert.equal(opens, 1);
  assert.equal(hub.gets.length, 0);
});

test('a read that is checked does not join one that is not', async (t) => {
  const { fill, flip, pull, cache, clock } = await start(t);
  const digest = await fill(large);
  await pull(digest, 'a');
  const damaged = await flip(digest);
  const other = await (await cache.openBlob({ ...library, digest, intent: 'whole', client: 'b' })).read();
  const beginning = Buffer.from((await other.next())!);
  clock.nowMs += checkedAgainMs;
  await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
  assert.ok(Buffer.concat([beginning, await collect(other)]).equals(damaged));
});

test('damage that readers find does not exceed the bound of the quarantine', async (t) => {
  const { fill, flip, pull, blobs, clock, quarantined } = await start(t);
  const digest = await fill(bytesOf(100_000));
  for (let at = 0; at < 40; at += 1) {
    const bytes = bytesOf(10, at + 1);
    await putBytes(blobs, digestOf(bytes), bytes);
    await blobs.quarantine(digestOf(bytes), clock.nowMs - at);
  }
  await flip(digest);
  assert.equal(digestOf(await pull(digest)), digest);
  const kept = await quarantined();
  assert.equal(kept.length, 32);
  assert.ok(kept.includes(digest));
});

test('a small blob stays correct in memory once it has been hashed', async (t) => {
  const { fill, flip, pull, isRight, hub, restartFrontend } = await start(t);
  const bytes = bytesOf(100_000);
  const digest = await fill(bytes);
  await pull(digest);
  await flip(digest);
  assert.ok((await pull(digest)).equals(bytes));
  assert.equal(hub.gets.length, 1);
  const blob = await restartFrontend().openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(() => isRight(digest));
  assert.equal(hub.gets.length, 2);
});

test('a blob that is damaged again after a correct read is fetched again immediately', async (t) => {
  const { fill, flip, pull, clock, isRight, hub } = await start(t);
  const digest = await fill(large);
  for (let damages = 1; damages <= 3; damages += 1) {
    clock.nowMs += checkedAgainMs;
    await flip(digest);
    await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
    await until(() => isRight(digest));
    assert.ok((await pull(digest, 'a')).equals(large), 'from the store');
    assert.equal(hub.gets.length, 1 + damages);
  }
});
