// Tests the spool space of fills: how much a fill takes, when it waits, and when it is rejected.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  const pull = async (digest: Digest) => {
    const blob = await started.cache.openBlob({ ...library, digest, intent: 'whole' });
    return collect(await blob.read());
  };
  return { ...started, pull };
}

test('a blob that is larger than the spool passes through it', async (t) => {
  const { hub, pull, spools, store } = await startCache(t, { spoolBytes: mebibyte, leastSegmentBytes: 64 * kibibyte });
  const bytes = bytesOf(5 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  assert.ok((await pull(digest)).equals(bytes));
  await until(() => spools.usedBytes === 0);
  assert.equal((await store.stat(digest))?.size, bytes.length);
  assert.equal(hub.gets.length, 1);
});

test('a spool that cannot hold a segment rejects a fill before its bytes are fetched, and the error names the setting', async (t) => {
  const { hub, pull, spools } = await startCache(t, { spoolBytes: 32 * kibibyte, leastSegmentBytes: 64 * kibibyte });
  const digest = hub.addBlob(library.repository, bytesOf(2 * mebibyte));
  await assert.rejects(() => pull(digest), isTooLarge);
  await until(() => hub.gets[0]!.closed);
  assert.equal(spools.usedBytes, 0);
});

const isTooLarge = (error: unknown) =>
  isCacheError(error, 'too-large') &&
  /worker\.spool\.maxbytes/.test(error.message) &&
  !error.retryable &&
  error.retryAfterMs === undefined;

test('a fill waits for spool space until another fill frees its own', async (t) => {
  const { hub, pull, spools } = await startCache(t, { spoolBytes: 3 * mebibyte });
  const [first, second] = [bytesOf(2 * mebibyte, 1), bytesOf(2 * mebibyte, 2)];
  const digests = [hub.addBlob(library.repository, first), hub.addBlob(library.repository, second)] as const;
  hub.script.gated = true;
  const pulls = [pull(digests[0]), pull(digests[1])] as const;
  await until(() => hub.gets.length === 2);
  assert.equal(spools.usedBytes, 2 * mebibyte);
  hub.allow(4 * mebibyte);
  assert.ok((await pulls[0]).equals(first));
  assert.ok((await pulls[1]).equals(second));
  await until(() => spools.usedBytes === 0);
});

test('ranges of a blob that is not fetched whole take no spool space', async (t) => {
  const { cache, hub, spools } = await startCache(t, { maxWholeForRangeBytes: mebibyte, spoolBytes: 2 * mebibyte });
  const bytes = bytesOf(10 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  for (const start of [0, 5 * mebibyte, bytes.length - 100])
    assert.ok((await collect(await blob.read({ start, end: start + 99 }))).equals(bytes.subarray(start, start + 100)));
  assert.equal(spools.usedBytes, 0);
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(() => spools.usedBytes === 0);
});

test('a blob of unknown length is served if it fits the spool, and rejected if it does not', async (t) => {
  const { cache, hub, spools } = await startCache(t, { spoolBytes: 2 * mebibyte });
  const bytes = bytesOf(mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.headOmitsFacts = true;
  hub.script.bend = (_, whole) => ({ bytes: whole, totalSize: undefined });
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(() => spools.usedBytes === 0);
  const large = hub.addBlob(library.repository, bytesOf(3 * mebibyte));
  await assert.rejects(
    () => cache.openBlob({ ...library, digest: large, intent: 'whole' }),
    (error) => isCacheError(error, 'content-mismatch'),
  );
  await until(() => spools.usedBytes === 0);
});

test('a blob of unknown length takes only the spool space of its bytes so far', async (t) => {
  const { cache, hub, spools } = await startCache(t, { spoolBytes: 20 * mebibyte });
  const [unsized, sized] = [bytesOf(mebibyte, 1), bytesOf(2 * mebibyte, 2)];
  const [first, second] = [hub.addBlob(library.repository, unsized), hub.addBlob(library.repository, sized)];
  const passed = Promise.withResolvers<void>();
  hub.script.headOmitsFacts = true;
  hub.script.bend = ({ digest }) => (digest === first ? { bytes: unsized, totalSize: undefined } : undefined);
  hub.script.onChunk = ({ digest }, position) => (digest === first && position > 0 ? passed.promise : undefined);
  const held = cache.openBlob({ ...library, digest: first, intent: 'whole' });
  await until(() => hub.gets[0]?.sent !== 0 && hub.gets.length === 1);
  const blob = await cache.openBlob({ ...library, digest: second, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(sized));
  passed.resolve();
  assert.ok((await collect(await (await held).read())).equals(unsized));
  await until(() => spools.usedBytes === 0);
});
