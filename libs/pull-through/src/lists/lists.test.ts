import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const subject = digestOf(Buffer.from('subject'));
const down = new CacheError('upstream-unreachable', 'down');

async function startCache(t: TestContext, options: Parameters<typeof startTestCache>[0] = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

test('a list costs one request in its TTL, which concurrent clients share', async (t) => {
  const { cache, hub, clock } = await startCache(t);
  const answers = await Promise.all([cache.listTags(library), cache.listTags(library)]);
  assert.deepEqual(answers.map((answer) => answer.cache).sort(), ['JOINED', 'MISS']);
  clock.nowMs += 59_000;
  assert.deepEqual(await cache.listTags(library), { tags: ['a', 'b'], cache: 'HIT', ageMs: 59_000 });
  hub.script.tags = { tags: ['a', 'b', 'c'] };
  clock.nowMs += 2_000;
  const { tags, cache: result, ageMs } = await cache.listTags(library);
  assert.deepEqual([tags, result, ageMs], [['a', 'b', 'c'], 'MISS', 0]);
  assert.equal(hub.calls.length, 2);
});

test('each page is cached separately, with the link to the next page', async (t) => {
  const { cache, hub } = await startCache(t);
  const next = { last: 'b', n: 2 };
  hub.script.tags = { tags: ['a', 'b'], next };
  assert.deepEqual((await cache.listTags({ ...library, n: 2 })).next, next);
  hub.script.tags = { tags: ['c'] };
  assert.deepEqual((await cache.listTags({ ...library, n: 2, last: 'b' })).tags, ['c']);
  hub.script.down = down;
  const first = await cache.listTags({ ...library, n: 2 });
  assert.deepEqual([first.tags, first.next, first.cache], [['a', 'b'], next, 'HIT']);
  assert.deepEqual((await cache.listTags({ ...library, n: 2, last: 'b' })).tags, ['c']);
});

test('no-cache causes a new request, and max-age does for an older list', async (t) => {
  const { cache, hub, clock } = await startCache(t);
  await cache.listTags(library);
  clock.nowMs += 5_000;
  assert.equal((await cache.listTags({ ...library, maxAgeMs: 10_000 })).cache, 'HIT');
  assert.equal((await cache.listTags({ ...library, maxAgeMs: 5_000 })).cache, 'MISS');
  assert.equal((await cache.listTags({ ...library, forceRevalidation: true })).cache, 'MISS');
  assert.equal(hub.calls.length, 3);
});

test('referrers have the exact bytes from upstream, from memory and from the store', async (t) => {
  const started = await startCache(t);
  const bytes = Buffer.from('{ "schemaVersion": 2,\n"manifests":[ ], "annotations":{"é":"\u{1f433}"} }');
  started.hub.script.referrers = { bytes, filtersApplied: 'artifactType', nextQuery: 'last=p1' };
  const request = { ...library, digest: subject, artifactType: 'application/x' };
  const exact = { bytesBase64: bytes.toString('base64'), filtersApplied: 'artifactType', nextQuery: 'last=p1' };
  assert.deepEqual(await started.cache.listReferrers(request), { ...exact, cache: 'MISS', ageMs: 0 });
  started.hub.script.down = down;
  started.clock.nowMs += 3_600_000;
  const stale = { ...exact, cache: 'STALE', staleBecause: 'failing', ageMs: 3_600_000 };
  assert.deepEqual(await started.cache.listReferrers(request), stale);
  assert.deepEqual(await started.restartFrontend().listReferrers(request), stale);
  await assert.rejects(
    () => started.cache.listReferrers({ ...library, digest: subject }),
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
});

test('nodes share a recent list, and a recent failure', async (t) => {
  const { cache, hub, clock, restartFrontend } = await startCache(t);
  await cache.listTags(library);
  clock.nowMs += 10_000;
  const { cache: result, ageMs } = await restartFrontend().listTags(library);
  assert.deepEqual([result, ageMs, hub.calls.length], ['HIT', 10_000, 1]);
  clock.nowMs += 60_000;
  hub.script.down = down;
  for (const node of [cache, restartFrontend(), restartFrontend()])
    assert.equal((await node.listTags(library)).staleBecause, 'failing');
  assert.equal(hub.calls.length, 2);
  clock.nowMs += 11_000;
  hub.script.down = undefined;
  assert.equal((await cache.listTags(library)).cache, 'MISS');
});

test('a recent failure has a retry time', async (t) => {
  const { cache, hub, clock, restartFrontend } = await startCache(t);
  hub.script.down = down;
  await assert.rejects(() => cache.listTags(library));
  clock.nowMs += 3_000;
  await assert.rejects(
    () => restartFrontend().listTags(library),
    (error) => isCacheError(error, 'upstream-unreachable') && error.retryAfterMs === 7_000,
  );
  assert.equal(hub.calls.length, 1);
});

test("upstream's warning stays with a page, for all nodes and while upstream is unavailable", async (t) => {
  const { cache, hub, clock, restartFrontend } = await startCache(t);
  const warning = '299 - "Moved."';
  hub.script.tags = { tags: ['a'], warning };
  assert.equal((await cache.listTags(library)).warning, warning);
  assert.equal((await restartFrontend().listTags(library)).warning, warning);
  hub.script.down = down;
  clock.nowMs += 61_000;
  const stale = await restartFrontend().listTags(library);
  assert.deepEqual([stale.cache, stale.warning], ['STALE', warning]);
});

test('a list is not served stale for longer than its limit', async (t) => {
  const { cache, hub, clock, policy } = await startCache(t);
  policy.staleIfErrorMs = 3_600_000;
  await cache.listTags(library);
  hub.script.down = down;
  clock.nowMs += 3_600_000;
  assert.equal((await cache.listTags(library)).cache, 'STALE');
  clock.nowMs += 120_000;
  await assert.rejects(
    () => cache.listTags(library),
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
});

test('a refusal of upstream is passed on, and the stored list is removed', async (t) => {
  const { cache, hub, clock, store } = await startCache(t);
  await cache.listTags(library);
  clock.nowMs += 61_000;
  hub.script.down = new CacheError('name-unknown', 'no such repository');
  await assert.rejects(
    () => cache.listTags(library),
    (error) => isCacheError(error, 'name-unknown'),
  );
  assert.deepEqual(await Array.fromAsync(store.listObjects('cistern/lists/')), []);
});

test('a repository keeps a limited number of pages, whichever pages clients request', async (t) => {
  const { cache, store } = await startCache(t);
  for (let n = 1; n <= 300; n += 1) await cache.listTags({ ...library, n });
  const kept = await Array.fromAsync(store.listObjects('cistern/lists/'));
  assert.ok(kept.length <= 64 && kept.length > 16, String(kept.length));
});

test('cached lists are served while the upstream is offline', async (t) => {
  const { cache, hub, clock, offline } = await startCache(t);
  await cache.listTags(library);
  offline.add('docker.io');
  clock.nowMs += 61_000;
  assert.equal((await cache.listTags(library)).staleBecause, 'offline');
  assert.equal(hub.calls.length, 1);
});
