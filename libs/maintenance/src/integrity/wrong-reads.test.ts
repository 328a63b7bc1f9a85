// Reads from the store flip bits although the objects are correct. The objects stay, the upstream gets few requests,
// and no client gets a wrong byte with a clean end.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BlobStore, putBytes, quarantinePrefix } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { startScrubbedCache } from '../testing/start-scrubbed-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const minuteMs = 60_000;
/** After this time a repeated read is checked again. */
const checkedAgainMs = 1001;
const large = bytesOf(3_000_000);

async function start(t: TestContext) {
  const path = { wrongReads: 0, opens: 0, reads: 0, closes: 0, gate: Promise.resolve() };
  const started = await startScrubbedCache(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      async open(digest, range) {
        path.opens += 1;
        const reader = await inner.open(digest, range);
        if (reader === undefined) return undefined;
        const isWrong = path.wrongReads > 0;
        path.wrongReads -= 1;
        let given = 0;
        return {
          ...reader,
          async read(into) {
            path.reads += 1;
            await path.gate;
            const length = await reader.read(into);
            if (isWrong && given === 0) into[0]! ^= 1;
            given += length;
            return length;
          },
          async close() {
            path.closes += 1;
            await reader.close();
          },
        };
      },
    }),
  });
  const { hub, pull, isRight, store, clock } = started;
  const fill = async (bytes: Buffer): Promise<Digest> => {
    const digest = hub.addBlob(library.repository, bytes);
    await pull(digest);
    await until(() => isRight(digest));
    clock.nowMs += 1;
    return digest;
  };
  const quarantined = async () => {
    let count = 0;
    for await (const _ of store.listObjects(quarantinePrefix)) count += 1;
    return count;
  };
  return { ...started, path, fill, quarantined };
}

test('a small blob that is misread once is served from the store, and stays there', async (t) => {
  const { path, fill, pull, cache, hub, quarantined } = await start(t);
  for (const range of [undefined, { start: 10, end: 99_999 }]) {
    const bytes = bytesOf(100_000, range === undefined ? 1 : 2);
    const digest = await fill(bytes);
    const gets = hub.gets.length;
    path.wrongReads = 1;
    const blob = await cache.openBlob({ ...library, digest, intent: range === undefined ? 'whole' : 'ranges' });
    const stream = await blob.read(range);
    assert.ok((await collect(stream)).equals(bytes.subarray(range?.start ?? 0)));
    assert.deepEqual([stream.cache, hub.gets.length, await quarantined()], ['HIT', gets, 0]);
    path.wrongReads = 0;
    assert.ok((await pull(digest)).equals(bytes));
  }
});

test('a large blob that is misread once has no clean end, stays in the store, and is checked again', async (t) => {
  const { path, fill, pull, hub, clock, quarantined } = await start(t);
  const digest = await fill(large);
  await pull(digest, 'a');
  clock.nowMs += checkedAgainMs;
  for (let times = 0; times < 2; times += 1) {
    path.wrongReads = 1;
    await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
  }
  assert.ok((await pull(digest, 'a')).equals(large));
  assert.deepEqual([hub.gets.length, await quarantined()], [1, 0]);
});

test('a small blob that is always misread is fetched once in ten minutes', async (t) => {
  const { path, fill, pull, cache, hub, clock, fills, quarantined } = await start(t);
  const bytes = bytesOf(100_000);
  const digest = await fill(bytes);
  path.wrongReads = Infinity;
  for (let round = 1; round <= 2; round += 1) {
    assert.ok((await pull(digest)).equals(bytes), 'from upstream');
    await until(() => fills.size === 0);
    clock.nowMs += 1;
    for (let times = 0; times < 5; times += 1) await assert.rejects(pull(digest), { kind: 'content-mismatch' });
    const part = await cache.openBlob({ ...library, digest, intent: 'ranges' });
    await assert.rejects(part.read({ start: 10, end: 20 }), { kind: 'content-mismatch' });
    assert.deepEqual([hub.gets.length, await quarantined()], [1 + round, round]);
    clock.nowMs += 10 * minuteMs + 1;
  }
});

test('a large blob that is always misread is fetched once in ten minutes', async (t) => {
  const { path, fill, pull, hub, clock, fills, isRight, quarantined } = await start(t);
  const digest = await fill(large);
  await pull(digest, 'a');
  clock.nowMs += checkedAgainMs;
  path.wrongReads = Infinity;
  await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
  await until(() => hub.gets.length === 2 && fills.size === 0);
  clock.nowMs += 1;
  for (let times = 0; times < 5; times += 1) await assert.rejects(pull(digest, 'a'), { kind: 'content-mismatch' });
  path.wrongReads = 0;
  assert.ok(await isRight(digest));
  assert.deepEqual([hub.gets.length, await quarantined()], [2, 1]);
});

test('a manifest that is misread once is served from the store, and one always misread is fetched once in ten minutes', async (t) => {
  const { path, pullImage, restartFrontend, hub, clock, quarantined } = await start(t);
  const { manifest } = await pullImage('latest', [1]);
  const request = { ...library, reference: { kind: 'digest', digest: manifest } } as const;
  const manifestGets = () => hub.calls.filter((call) => call === 'get-manifest').length;
  const gets = manifestGets();
  path.wrongReads = 1;
  clock.nowMs += 1;
  assert.equal((await restartFrontend().openManifest(request)).digest, manifest);
  assert.deepEqual([manifestGets(), await quarantined()], [gets, 0]);
  const cache = restartFrontend();
  path.wrongReads = Infinity;
  for (let times = 0; times < 5; times += 1) {
    clock.nowMs += 1;
    await assert.rejects(cache.openManifest(request), { kind: 'content-mismatch' });
  }
  assert.deepEqual([manifestGets(), await quarantined()], [gets + 1, 1]);
});

test('many ranges of a small blob open it once', async (t) => {
  const { path, fill, cache } = await start(t);
  const bytes = bytesOf(400_000);
  const digest = await fill(bytes);
  const opens = path.opens;
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  for (let from = 0; from < 1000; from += 10) {
    const part = await collect(await blob.read({ start: from, end: from + 4 }));
    assert.ok(part.equals(bytes.subarray(from, from + 5)));
  }
  assert.equal(path.opens - opens, 1);
});

test('hashing of a blob stops when all waiting clients have left', async (t) => {
  const { path, hub, index, store, cache, reads: sharedReads } = await start(t);
  const bytes = bytesOf(6_000_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  await putBytes(store, digest, bytes);
  const gate = Promise.withResolvers<void>();
  path.gate = gate.promise;
  const leaving = new AbortController();
  const { signal } = leaving;
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges', signal });
  const reads = [1, 2, 3].map(async (from) => blob.read({ start: from, end: bytes.length - 1 }));
  await until(() => path.reads === 1);
  leaving.abort(new Error('gone'));
  for (const read of reads) await assert.rejects(read, { message: 'gone' });
  await until(() => sharedReads.windows === 0);
  gate.resolve();
  await until(() => path.closes === path.opens);
  assert.equal(path.reads, 1);
  const again = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  assert.ok((await collect(await again.read({ start: 1, end: bytes.length - 1 }))).equals(bytes.subarray(1)));
});
