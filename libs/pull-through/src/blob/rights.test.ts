// Repositories share stored bytes, but not the right to read them.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, digestOf, parseReference } from '@cistern/oci';
import type { PlatformRule } from '../access/authorized-repository.ts';
import { addSampleImage } from '@cistern/upstream/testing';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const stranger = repositoryOf('docker.io', 'someone/private');
const ociImage = 'application/vnd.oci.image.manifest.v1+json';

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

const onlyAmd64: PlatformRule = (found) =>
  found.includes('linux/amd64') ? undefined : new CacheError('denied', 'Denied.');
const onlyAmd64Everywhere = () => ({ platformRule: onlyAmd64 });
const isUnknown = (error: unknown) => isCacheError(error, 'blob-unknown');

test('an unauthorized repository gets nothing from a concurrent request of an authorized one', async (t) => {
  const { cache, hub } = await startCache(t);
  for (let lead = 0; lead < 12; lead += 1) {
    const bytes = bytesOf(300_000, lead + 1);
    const digest = hub.addBlob(library.repository, bytes);
    const held = cache.openBlob({ ...library, digest, intent: 'whole' }).then((blob) => blob.read().then(collect));
    // Lets the first request run `lead` steps ahead, so that each order of the first steps is tested.
    for (let step = 0; step < lead; step += 1) await Promise.resolve();
    const strange = cache.openBlob({ ...stranger, digest, intent: 'whole' });
    await assert.rejects(strange, isUnknown, `${lead} steps later`);
    assert.ok((await held).equals(bytes));
  }
});

test('a refusal for one repository does not end the read of the same blob by another', async (t) => {
  const { cache, hub, index } = await startCache(t);
  const bytes = bytesOf(900_000);
  const digest = hub.addBlob(library.repository, bytes);
  // The upstream earlier confirmed the blob for the stranger's repository too, but no longer has it there.
  for (const key of [stranger, library])
    await index.links.put(key, [{ ...key, digest, kind: 'blob', size: bytes.length, confirmed: true }]);
  const range = { start: 0, end: 99 };
  const blobs = await Promise.all(
    [stranger, library].map((key) => cache.openBlob({ ...key, digest, intent: 'ranges' })),
  );
  const reads = await Promise.allSettled(blobs.map((blob) => blob.read(range).then(collect)));
  assert.ok(reads[0]?.status === 'rejected' && isUnknown(reads[0].reason));
  assert.ok(reads[1]?.status === 'fulfilled' && reads[1].value.equals(bytes.subarray(0, 100)));
});

test('a blob that looks like a manifest is not served as one, and gives no access to its digests', async (t) => {
  const { cache, hub, index } = await startCache(t);
  const secret = bytesOf(5_000, 9);
  const secretDigest = hub.addBlob(library.repository, secret);
  const forged = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociImage,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(bytesOf(1)), size: 1 },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: secretDigest, size: secret.length }],
    }),
  );
  const digest = hub.addBlob(stranger.repository, forged);
  await collect(await (await cache.openBlob({ ...stranger, digest, intent: 'whole' })).read());
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  await assert.rejects(
    () => cache.openManifest({ ...stranger, reference: parseReference(digest) }),
    (error) => isCacheError(error, 'manifest-unknown'),
  );
  assert.equal(await index.links.get(stranger, secretDigest), undefined);
  await assert.rejects(() => cache.openBlob({ ...stranger, digest: secretDigest, intent: 'whole' }), isUnknown);
});

test('a denied repository stays denied while the fill of the same blob by another is starting', async (t) => {
  const { cache, hub } = await startCache(t);
  const bytes = bytesOf(200_000);
  const digest = hub.addBlob(library.repository, bytes);
  const answered = Promise.withResolvers<void>();
  hub.script.onCall = async (call) => {
    if (call === 'get-blob') await answered.promise;
    if (call === 'head-blob') throw new CacheError('denied', 'not yours');
  };
  const held = cache.openBlob({ ...library, digest, intent: 'whole' }).then((blob) => blob.read().then(collect));
  await until(() => hub.calls.length === 1);
  const strange = cache.openBlob({ ...stranger, digest, intent: 'whole' });
  answered.resolve();
  await assert.rejects(strange, (error) => isCacheError(error, 'denied'));
  assert.ok((await held).equals(bytes));
});

test('a digest linked under the same name of another upstream is not found without permission there', async (t) => {
  const { cache, quay, index } = await startCache(t);
  const bytes = bytesOf(50_000);
  const digest = quay.addBlob(library.repository, bytes);
  const atQuay = { ...library, upstream: 'quay.io' };
  const refuseAll = async (when: string) => {
    for (const permissionAt of [undefined, () => undefined])
      for (const intent of ['stat', 'whole', 'ranges'] as const)
        await assert.rejects(
          cache.openBlob({ ...library, digest, intent, permissionAt }),
          (error) => isCacheError(error, 'blob-unknown'),
          `${when}, ${intent}`,
        );
  };
  await index.links.put(atQuay, [{ ...atQuay, digest, kind: 'blob', size: bytes.length }]);
  await refuseAll('linked');
  assert.deepEqual(quay.calls, []);
  await collect(await (await cache.openBlob({ ...atQuay, digest, intent: 'whole' })).read());
  await until(async () => (await index.blobs.get(digest))?.state === 'present');
  await refuseAll('stored');
});

test('a platform rule of the other upstream applies to blobs that are found there', async (t) => {
  const { cache, quay } = await startCache(t);
  const platforms = ['linux/amd64', 'windows/amd64'];
  const { digest, parts } = addSampleImage(quay, library.repository, '1', { seed: 1, platforms });
  const atQuay = { ...library, upstream: 'quay.io' };
  for (const reference of [digest, ...platforms.map((platform) => parts[platform]!.manifest)])
    await cache.openManifest({ ...atQuay, reference: parseReference(reference) });
  const read = async (blob: Digest) =>
    collect(
      await (
        await cache.openBlob({ ...library, digest: blob, intent: 'whole', permissionAt: onlyAmd64Everywhere })
      ).read(),
    );
  for (const blob of parts['linux/amd64']!.blobs) await read(blob);
  for (const blob of parts['windows/amd64']!.blobs)
    await assert.rejects(read(blob), (error) => isCacheError(error, 'blob-unknown'));
});
