// Tests a scrub whose store fails to remove some objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { startScrubbedCache } from '../testing/start-scrubbed-cache.ts';

const failure = new CacheError('store-unavailable', 'EIO');

async function fail(): Promise<never> {
  throw failure;
}

test('a failing object does not end a pass, and an undeletable one does not prevent the check of others', async (t) => {
  const broken = new Set<Digest>();
  const { scrub, pullImage, flip, isRight, index } = await startScrubbedCache(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      quarantine: async (digest, atMs) => (broken.has(digest) ? fail() : inner.quarantine(digest, atMs)),
      async removeAll(digests) {
        const refused = digests.filter((digest) => broken.has(digest));
        const others = await inner.removeAll(digests.filter((digest) => !broken.has(digest)));
        return new Map([...others, ...refused.map((digest) => [digest, failure] as const)]);
      },
    }),
  });
  const image = await pullImage('latest', [1, 2, 3]);
  const [, stuck, undeletable, damaged] = image.blobs;
  for (const digest of [stuck!, undeletable!]) broken.add(digest);
  await flip(stuck!);
  await flip(damaged!);
  await index.blobs.put({ ...(await index.blobs.get(undeletable!))!, state: 'deleting' });
  assert.partialDeepStrictEqual(await scrub(), { objects: 5, failed: 2, damaged: 1, healed: 1 });
  assert.ok(await isRight(damaged!));
  // The store kept the object, so it is served again.
  assert.equal((await index.blobs.get(undeletable!))?.state, 'present');
  broken.clear();
  assert.partialDeepStrictEqual(await scrub(), { failed: 0, damaged: 1, healed: 1 });
  assert.ok(await isRight(undeletable!));
});

test('an unreadable report starts another pass', async (t) => {
  let isUnreadable = false;
  const { scrub, pullImage, flip } = await startScrubbedCache(t, {
    wrapStore: (inner): BlobStore => ({
      ...inner,
      readObject: async (key) => (isUnreadable && key.includes('scrub') ? fail() : inner.readObject(key)),
    }),
  });
  const { blobs } = await pullImage('latest', [1]);
  await scrub();
  isUnreadable = true;
  await flip(blobs[1]!);
  assert.partialDeepStrictEqual(await scrub(), { damaged: 1, healed: 1 });
});
