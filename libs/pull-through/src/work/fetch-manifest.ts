// Runs the fetch-manifest job, which stores a manifest by digest with its links. If another repository already fetched the
// manifest, a HEAD confirms that this repository holds it too.
import { isHeldManifest, readHashed, storeManifest, untilDeleted, verifyManifest } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import { type RepositoryKey, repositoryPath } from '@cistern/index';
import type { JobPayload } from '@cistern/jobs';
import { type Digest, maxManifestBytes, type Reference } from '@cistern/oci';
import type { CallOptions } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from './work-deps.ts';

/** The key of a value that is set when the store fails to write a manifest, and removed when the store accepts writes again. */
const storeRefuses = 'store-refuses-manifests';
const storeRefusesMs = 3_600_000;

/**
 * Milliseconds for which the rejection of a manifest is remembered. The time is shorter for a tag, because the tag may soon
 * name a corrected manifest.
 */
const rememberMs = { digest: 120_000, tag: 30_000 };

export async function fetchManifest(
  deps: WorkDeps,
  { upstream: name, repository, digest }: JobPayload<'fetch-manifest'>,
  options: CallOptions,
): Promise<null> {
  const upstream = upstreamOf(deps, name);
  const key = { upstream: name, repository };
  const reference = { kind: 'digest', digest } as const;
  await checkRefused(deps, key, reference);
  await untilDeleted(deps, digest);
  const stored = await readStored(deps, digest);
  // Another job has stored the manifest since this one was enqueued.
  if (stored !== undefined && (await isKept(deps, key, digest))) return null;
  const get = async () => {
    const manifest = await upstream.getManifest(repository, reference, options);
    verifyManifest(deps, name, digest, manifest.bytes);
    return manifest;
  };
  const confirm = async (bytes: Buffer) => {
    const { mediaType } = await upstream.headManifest(repository, reference, options);
    return { bytes, mediaType };
  };
  const manifest = await (stored === undefined ? get() : confirm(stored));
  await storeOrRefuse(deps, key, [reference], () => storeManifest(deps, key, digest, manifest));
  return null;
}

async function isKept({ index }: WorkDeps, key: RepositoryKey, digest: Digest): Promise<boolean> {
  const [link, record] = await Promise.all([index.links.get(key, digest), index.manifests.get(digest)]);
  return isHeldManifest(link) && record !== undefined;
}

/**
 * Reads a stored manifest. Resolves to `undefined` if the bytes are missing, are too many for a manifest or do not match the
 * digest. Then the caller fetches the manifest. Rejects with `store-unavailable`. Then the caller does not fetch it, because
 * the upstream would count a pull that cannot be stored.
 */
export async function readStored({ store }: Pick<WorkDeps, 'store'>, digest: Digest): Promise<Buffer | undefined> {
  return (await readHashed(store, digest, maxManifestBytes)).bytes;
}

/**
 * Call it before a request for a manifest to the upstream. If the manifest was rejected recently, it rejects with the same
 * `content-mismatch` as then. Rejects with `store-unavailable` while the store accepts no writes.
 */
export async function checkRefused(
  { index, store }: Pick<WorkDeps, 'index' | 'store'>,
  key: RepositoryKey,
  reference: Reference,
): Promise<void> {
  const names = [nameOf(key, reference), storeRefuses];
  const [message, storeFailure] = await Promise.all(names.map((name) => index.values.get(name)));
  if (message !== undefined) throw new CacheError('content-mismatch', message, { detail: { upstream: key.upstream } });
  if (storeFailure === undefined) return;
  await store.check();
  await index.values.remove(storeRefuses);
}

/**
 * Calls `store`, which stores a verified manifest. If `store` rejects with `content-mismatch`, all nodes remember that for all
 * `references`. Without that, each request for the manifest would cost a GET of up to 4 MiB, and the time to parse it. A
 * failure of the store is remembered for all manifests.
 */
export async function storeOrRefuse<T>(
  { index }: Pick<WorkDeps, 'index'>,
  key: RepositoryKey,
  references: readonly Reference[],
  store: () => Promise<T>,
): Promise<T> {
  try {
    return await store();
  } catch (error) {
    if (isCacheError(error, 'content-mismatch'))
      for (const reference of references)
        await index.values.put(nameOf(key, reference), error.message, rememberMs[reference.kind]);
    if (isCacheError(error, 'store-unavailable')) await index.values.put(storeRefuses, error.message, storeRefusesMs);
    throw error;
  }
}

function nameOf(key: RepositoryKey, reference: Reference): string {
  return `refused-manifest ${repositoryPath(key)} ${reference.kind === 'tag' ? reference.tag : reference.digest}`;
}
