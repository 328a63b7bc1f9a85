// A reader that is too slow for the others goes on with a stream of its own; the end of that one says nothing of what the
// reader got before.
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

/** A reader that has taken the first chunk and then held the others up until it was cast out. */
async function castOut(read: () => ReturnType<Awaited<ReturnType<typeof startCache>>['read']>) {
  const slow = await read();
  const begin = Buffer.from((await slow.next())!);
  const others = await Promise.allSettled([read().then(collect), read().then(collect)]);
  return { slow, begin, others };
}

const isMismatch = (error: unknown) => isCacheError(error, 'content-mismatch');

test('it ends well when the fill that it began with did', async (t) => {
  const { read, index, digest, hub, metrics } = await startCache(t);
  const { slow, begin } = await castOut(read);
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  assert.ok(Buffer.concat([begin, await collect(slow)]).equals(bytes));
  assert.equal(hub.gets.length, 1);
  assert.match(await metrics.registry.metrics(), /cistern_window_readers_cast_out_total [1-9]/);
});

test('it does not end well when the fill that it began with was wrong, though the next one is right', async (t) => {
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

test('nor does it when it has the rest from the next fill while that one still runs', async (t) => {
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
