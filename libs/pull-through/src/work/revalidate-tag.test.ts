// Tests concurrent revalidations of one tag. Requests of clients and background revalidations are separate jobs, so a slow job
// may end after another job has recorded a newer confirmation.
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

/** Starts a cache that has pulled the first version. */
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
    /** Starts a background revalidation. Its first `call` waits until the test resolves or rejects it. */
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
    /** Checks the tag in the index, in the store and in the next response. */
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

test('a slow revalidation does not undo the update of a tag by a newer revalidation', async (t) => {
  const { push, startHeld, refresh, hub, assertNamed } = await startSlow(t);
  push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  const newest = push(3);
  assert.equal(await refresh(), newest);
  await assertNamed(newest, 2);
  hub.calls.length = 0;
  resolve();
  await slow;
  assert.deepEqual(hub.calls, ['head-manifest'], 'the slow job sends a new request');
  await assertNamed(newest, 2);
});

test('a slow revalidation does not change a tag that moved back at upstream meanwhile', async (t) => {
  const { push, startHeld, refresh, assertNamed } = await startSlow(t);
  push(2);
  const { slow, resolve } = await startHeld('get-manifest');
  const first = push(1);
  assert.equal(await refresh(), first);
  resolve();
  await slow;
  await assertNamed(first, 1);
  // The tag moves back and forth if the upstream confirms each move.
  for (const [at, version] of [2, 1, 2].entries()) {
    const digest = push(version);
    assert.equal(await refresh(), digest);
    await assertNamed(digest, 2 + at);
  }
});

test('a slow revalidation with the same result as a newer revalidation sends no more requests', async (t) => {
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

test('a slow revalidation does not restore a tag that was forgotten meanwhile', async (t) => {
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

test('a failed revalidation does not change a tag that a newer revalidation has confirmed', async (t) => {
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

/** Creates a gate. Calls during `isClosed` wait until the test releases each of them. */
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

test('a slow write between a newer write to the store and its write to the index leaves nothing older', async (t) => {
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

test('the log has the reason why a background revalidation failed', async (t) => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level: 'warn', formatter: 'json', destination });
  const { hub, revalidate } = await startSlow(t, { log });
  hub.script.onCall = () => {
    throw new CacheError('upstream-unreachable', 'the registry is down');
  };
  await assert.rejects(revalidate(), (error) => isCacheError(error, 'upstream-unreachable'));
  const found = lines.filter((line) => line.includes('background tag revalidation failed'));
  assert.equal(found.length, 1);
  assert.match(found[0] ?? '', /"tag":"latest".*the registry is down|the registry is down.*"tag":"latest"/);
});
