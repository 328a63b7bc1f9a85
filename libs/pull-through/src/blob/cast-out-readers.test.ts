// A reader that is too slow for the others is cast out, and continues with its own stream. A clean end of that stream does not
// verify the bytes that the reader got before.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const bytes = bytesOf(12 * 1024 * 1024);

async function startCache(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const digest = started.hub.addBlob(library.repository, bytes);
  const read = async () => {
    const blob = await started.cache.openBlob({ ...library, digest, intent: 'whole' });
    return blob.read();
  };
  return { ...started, digest, read };
}

/** Returns a reader that read the first chunk, then blocked the others until it was cast out. */
async function castOut(read: () => ReturnType<Awaited<ReturnType<typeof startCache>>['read']>) {
  const slow = await read();
  const begin = Buffer.from((await slow.next())!);
  const others = await Promise.allSettled([read().then(collect), read().then(collect)]);
  return { slow, begin, others };
}

const isMismatch = (error: unknown) => isCacheError(error, 'content-mismatch');

test('a cast-out reader ends cleanly if its first fill did', async (t) => {
  const { read, index, digest, hub, metrics } = await startCache(t);
  const { slow, begin } = await castOut(read);
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  assert.ok(Buffer.concat([begin, await collect(slow)]).equals(bytes));
  assert.equal(hub.gets.length, 1);
  assert.match(await metrics.registry.metrics(), /cistern_window_readers_cast_out_total [1-9]/);
});

test('a cast-out reader fails if its first fill was wrong, although the next fill is right', async (t) => {
  const { read, hub, index, digest } = await startCache(t);
  hub.script.bend = () => {
    const wrong = Buffer.from(bytes);
    wrong[0] = wrong[0]! ^ 1;
    return { bytes: wrong };
  };
  const { slow, begin, others } = await castOut(read);
  assert.ok(!begin.equals(bytes.subarray(0, begin.length)));
  for (const other of others) assert.ok(other.status === 'rejected' && isMismatch(other.reason));
  hub.script.bend = undefined;
  assert.ok((await collect(await read())).equals(bytes));
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  await assert.rejects(() => collect(slow), isMismatch);
});

test('a cast-out reader with wrong bytes fails too if it gets the rest from a running fill', async (t) => {
  const { read, hub } = await startCache(t);
  hub.script.bend = () => ({ bytes: Buffer.alloc(bytes.length) });
  const { slow } = await castOut(read);
  hub.script.bend = undefined;
  hub.script.gated = true;
  hub.allow(1024 * 1024);
  const next = await read();
  const rest = assert.rejects(() => collect(slow), isMismatch);
  hub.allow(bytes.length);
  assert.ok((await collect(next)).equals(bytes));
  await rest;
});
