// Starts a test cache to purge images from, and checks which content remains.
import type { TestContext } from 'node:test';
import { type Digest, parseReference } from '@cistern/oci';
import { addImage, type TestImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache, type TestCacheOptions } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { collect } from '@cistern/oci/testing';

/** The cache closes at the end of the test. */
export async function startPurgedCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache({ adoptAs: 'docker.io', ...options });
  t.after(() => started.close());
  const { cache, hub, quay, index, store } = started;

  async function pull(image: TestImage, upstream = 'docker.io'): Promise<Digest> {
    const key = repositoryOf(upstream, image.repository);
    const { digest } = await cache.openManifest({ ...key, reference: parseReference(image.tag) });
    for (const blob of image.blobs)
      await collect(await (await cache.openBlob({ ...key, digest: blob, intent: 'whole' })).read());
    // A reader gets the end before the store has the blob.
    for (const blob of image.blobs) await until(async () => (await index.blobs.get(blob)) !== undefined);
    return digest;
  }

  return {
    ...started,
    pull,
    /** Pulls an image of three layers. A sibling shares one of them, and a foreign image of quay.io another. */
    async pullShared() {
      const image = addImage(hub, { repository: 'library/app', tag: 'one', layers: [1, 2, 3] });
      const sibling = addImage(hub, { repository: 'library/app', tag: 'two', layers: [1] });
      const foreign = addImage(quay, { repository: 'org/app', tag: 'one', layers: [2] });
      await pull(image);
      await pull(sibling);
      await pull(foreign, 'quay.io');
      return { image, sibling, foreign };
    },
    /** Reports which digests are in the store. */
    async stored(digests: readonly Digest[]): Promise<boolean[]> {
      return Promise.all(digests.map(async (digest) => (await store.stat(digest)) !== undefined));
    },
  };
}

/** Returns the image name that a purge takes. */
export function nameOf({ repository, tag }: TestImage, upstream = 'docker.io') {
  return { ...repositoryOf(upstream, repository), reference: parseReference(tag) };
}
