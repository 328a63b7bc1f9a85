// Starts a cache with images of three repositories, and an index that has lost its records of them.
import type { TestContext } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex, TagKey } from '@cistern/index';
import { createIndexServer, repositoryOf } from '@cistern/index/testing';
import { CacheError } from '@cistern/errors';
import { type Digest, parseReference, parseTag } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { startTestCache } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

export const repositories = [
  repositoryOf('docker.io', 'library/nginx'),
  repositoryOf('docker.io', 'library/nginx/nested'),
  repositoryOf('quay.io', 'library/nginx'),
];
export const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const log = createLogger({ level: 'error', formatter: 'json' });
export const quiet = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });

/** Starts a cache with images of three repositories, and an index without records of them. */
export async function startLost(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub, quay, store, clock } = started;
  const tags: TagKey[] = [];
  const digests = new Set<Digest>();
  for (const [number, key] of repositories.entries()) {
    const upstream = key.upstream === 'quay.io' ? quay : hub;
    // All repositories share the second layer.
    const layers = [bytesOf(70_000 + number, number + 1), bytesOf(50_000, 99)].map((bytes) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: upstream.addBlob(key.repository, bytes),
      size: bytes.length,
    }));
    const document = { schemaVersion: 2, mediaType, config: layers[1], layers };
    const tag = parseTag(`v${number}`);
    digests.add(upstream.addManifest(key.repository, tag, Buffer.from(JSON.stringify(document)), mediaType));
    await cache.openManifest({ ...key, reference: parseReference(tag) });
    for (const { digest } of layers) {
      digests.add(digest);
      await collect(await (await cache.openBlob({ ...key, digest, intent: 'whole' })).read());
    }
    tags.push({ ...key, tag });
  }
  await until(async () => (await started.index.blobs.totals()).blobs === digests.size);
  const now = () => clock.nowMs;
  const { connect, loseData } = createIndexServer({ now });
  loseData();
  const lost = connect();
  const options = { index: lost, store, log, now, clock };
  return { ...started, lost, loseData, options, tags, digests };
}

export async function contentOf(index: CacheIndex, tags: readonly TagKey[], digests: ReadonlySet<Digest>) {
  const links = [];
  for (const key of repositories) for (const digest of digests) links.push(await index.links.get(key, digest));
  return {
    totals: await index.blobs.totals(),
    repositories: await index.links.repositories({ limit: 10 }),
    tags: await Promise.all(tags.map(async (tag) => (await index.tags.get(tag))?.digest)),
    manifests: await Promise.all([...digests].map(async (digest) => (await index.manifests.get(digest))?.mediaType)),
    links,
  };
}

/** Wraps `store` so that reading some keys fails. */
export function unreadable(store: BlobStore, isBroken: (key: string) => boolean): BlobStore {
  return {
    ...store,
    async readObject(key: string) {
      if (isBroken(key)) throw new CacheError('store-unavailable', `EIO: ${key}`);
      return store.readObject(key);
    },
  };
}
