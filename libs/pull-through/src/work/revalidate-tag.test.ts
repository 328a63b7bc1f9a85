// Revalidations of one tag at the same time: those of clients and those in the background are jobs of their own, and one may take
// so long that others have heard more by then.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { tagObjectKey } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, digestOf, mediaTypes, parseReference, parseTag } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { readTagObject } from '@cistern/content';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache, type TestCacheOptions } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';

const repository = repositoryOf('docker.io', 'library/app');
const key = { ...repository, tag: parseTag('latest') };
const latest = { ...repository, reference: parseReference('latest') };

const isUnknown = (error: unknown) => isCacheError(error, 'manifest-unknown');

function manifest(version: number): Buffer {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(Buffer.from('')), size: 0 };
  const annotations = { version: `${version}` };
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [], annotations }),
  );
}

/** The first version has been pulled. */
async function startSlow(t: TestContext, options?: TestCacheOptions) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  const { hub, cache, index, store, queue, clock } = started;
  const push = (version: number) =>
    hub.addManifest(repository.repository, 'latest', manifest(version), mediaTypes.ociManifest);
  const refresh = async () => (await cache.statManifest({ ...latest, forceRevalidation: true })).digest;
  const revalidate = () => {
    clock.nowMs += 1_000;
    return queue.run(
      'revalidate-tag',
      { ...key, by: 'head' },
      { dedupKey: 'slow', class: 'background', timeoutMs: 20_000 },
    );
  };
  const pushed = [push(1)];
  await cache.openManifest(latest);
  return {
    ...started,
    refresh,
    revalidate,
    push(version: number) {
      clock.nowMs += 1_000;
      return (pushed[version - 1] = push(version));
    },
    /** A revalidation in the background, whose first call of that kind is held until it is told how to go on. */
    async startHeld(call: 'head-manifest' | 'get-manifest') {
      const isHeld = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      hub.script.onCall = async (made) => {
        if (made !== call) return;
        hub.script.onCall = undefined;
        isHeld.resolve();
        await held.promise;
      };
      const slow = revalidate();
      await isHeld.promise;
      return { ...held, slow };
    },
    /** What the next one that asks is told, and what a rebuild of the index would find. */
    async assertNamed(digest: Digest, sequence: number) {
      const record = await index.tags.get(key);
      assert.deepEqual([record?.digest, record?.sequence], [digest, sequence]);
      const stored = await readTagObject(store, key, 0);
      assert.deepEqual([stored?.digest, stored?.sequence], [digest, sequence]);
      const answer = await cache.openManifest(latest);
      assert.deepEqual([answer.digest, answer.cache], [digest, 'HIT']);
    },
  };
}

test('what a slow revalidation was told does not take a tag back that others know to have moved on', async (t) => {
  const { push, startHeld, refresh, hub, assertNamed } = await startSlow(t);
  push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  const newest = push(3);
  assert.equal(await refresh(), newest);
  await assertNamed(newest, 2);
  hub.calls.length = 0;
  resolve();
  await slow;
  assert.deepEqual(hub.calls, ['head-manifest'], 'it asks again');
  await assertNamed(newest, 2);
});

test('nor a tag that has moved back at upstream, which others were told', async (t) => {
  const { push, startHeld, refresh, assertNamed } = await startSlow(t);
  push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  const first = push(1);
  assert.equal(await refresh(), first);
  resolve();
  await slow;
  await assertNamed(first, 1);
  // By upstream's own word it does go back and forth.
  for (const [at, version] of [2, 1, 2].entries()) {
    const digest = push(version);
    assert.equal(await refresh(), digest);
    await assertNamed(digest, 2 + at);
  }
});

test('who is told the same as others were meanwhile asks no more', async (t) => {
  const { push, startHeld, refresh, hub, clock, index, assertNamed } = await startSlow(t);
  const second = push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  clock.nowMs += 1_000;
  assert.equal(await refresh(), second);
  hub.calls.length = 0;
  resolve();
  await slow;
  assert.deepEqual(hub.calls, []);
  await assertNamed(second, 2);
  assert.equal((await index.tags.get(key))?.checkedAtMs, clock.nowMs);
});

test('a tag that is not to be had any more is not brought back by who was told before', async (t) => {
  const { push, startHeld, refresh, policy, hub, index, store } = await startSlow(t);
  policy.onNotFound = 'forget';
  push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  hub.script.down = new CacheError('manifest-unknown', 'deleted');
  await assert.rejects(refresh(), isUnknown);
  resolve();
  await assert.rejects(slow, isUnknown);
  assert.equal(await index.tags.get(key), undefined);
  assert.equal(await readTagObject(store, key, 0), undefined);
});

test('a failure says nothing of what others have confirmed since', async (t) => {
  for (const kind of ['manifest-unknown', 'upstream-timeout'] as const) {
    const { push, startHeld, refresh, policy, index, assertNamed } = await startSlow(t);
    policy.onNotFound = 'forget';
    const { slow, reject } = await startHeld('head-manifest');
    const second = push(2);
    assert.equal(await refresh(), second);
    reject(new CacheError(kind, 'slow'));
    await assert.rejects(slow, (error) => isCacheError(error, kind));
    await assertNamed(second, 2);
    assert.equal((await index.tags.get(key))?.lastFailure, undefined);
  }
});

/** Calls that come while it is closed wait until it lets each of them pass. */
function createTurnstile() {
  const waiting: (() => void)[] = [];
  const turnstile = {
    isClosed: false,
    waiting,
    pass: () => (turnstile.isClosed ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined),
    async untilWaiting(count: number) {
      await until(() => waiting.length === count);
    },
  };
  return turnstile;
}

test('a slow write to the store leaves nothing older than the record', async (t) => {
  const writes = createTurnstile();
  const { push, revalidate, refresh, assertNamed } = await startSlow(t, {
    wrapStore: (store) => ({
      ...store,
      async writeObject(name, bytes) {
        if (name === tagObjectKey(key)) await writes.pass();
        await store.writeObject(name, bytes);
      },
    }),
  });
  push(2);
  writes.isClosed = true;
  const slow = revalidate();
  await writes.untilWaiting(1);
  writes.isClosed = false;
  const newest = push(3);
  assert.equal(await refresh(), newest);
  writes.waiting[0]?.();
  await slow;
  await assertNamed(newest, 2);
});

test('nor does one between the write of others to the store and theirs to the index', async (t) => {
  const records = createTurnstile();
  const { push, startHeld, refresh, assertNamed } = await startSlow(t, {
    wrapIndex: (index) => ({
      ...index,
      tags: {
        ...index.tags,
        async replace(...given) {
          await records.pass();
          return index.tags.replace(...given);
        },
      },
    }),
  });
  push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  const newest = push(3);
  records.isClosed = true;
  const refreshed = refresh();
  await records.untilWaiting(1);
  resolve();
  await records.untilWaiting(2);
  records.isClosed = false;
  records.waiting[0]?.();
  assert.equal(await refreshed, newest);
  records.waiting[1]?.();
  await slow;
  await assertNamed(newest, 2);
});

test('the log says why a tag could not be revalidated that nobody waits for', async (t) => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level: 'warn', formatter: 'json', destination });
  const { hub, revalidate } = await startSlow(t, { log });
  hub.script.onCall = () => {
    throw new CacheError('upstream-unreachable', 'the registry is down');
  };
  await assert.rejects(revalidate(), (error) => isCacheError(error, 'upstream-unreachable'));
  const found = lines.filter((line) => line.includes('failed to revalidate tag'));
  assert.equal(found.length, 1);
  assert.match(found[0] ?? '', /"tag":"latest".*the registry is down|the registry is down.*"tag":"latest"/);
});
