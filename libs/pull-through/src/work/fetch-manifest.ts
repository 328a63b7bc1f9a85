// Job fetch-manifest: one manifest by digest into the store, with its links. What another repository brought already is
// not fetched again: a HEAD tells whether this one holds it too.
import { isHeldManifest, readHashed, storeManifest, untilDeleted, verifyManifest } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import { type RepositoryKey, repositoryPath } from '@cistern/index';
import type { JobPayload } from '@cistern/jobs';
import { type Digest, maxManifestBytes, type Reference } from '@cistern/oci';
import type { CallOptions } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from './work-deps.ts';

/** The store has refused to take a manifest, and has not been seen to take anything since. */
const storeRefuses = 'store-refuses-manifests';
const storeRefusesMs = 3_600_000;

/** A refused manifest stays as it is under its digest. Under a tag, upstream may have mended it. */
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
  // Brought by another job since this one was asked for.
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
 * Bytes that are too many for a manifest, or not of the digest, do not count: upstream is asked then. Rejects with
 * `store-unavailable`: then upstream is not asked, for it counts what could not be kept.
 */
export async function readStored({ store }: Pick<WorkDeps, 'store'>, digest: Digest): Promise<Buffer | undefined> {
  return (await readHashed(store, digest, maxManifestBytes)).bytes;
}

/**
 * Called before upstream is asked for a manifest. Rejects with the same `content-mismatch` as before, if the manifest was refused a
 * moment ago, and with `store-unavailable` while the store takes nothing.
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
 * Stores a verified manifest by `store`. Its refusal, which is a `content-mismatch`, is remembered for all of `references` and for
 * all nodes. Otherwise, each request for one costs a GET of up to 4 MiB, and the time to read it. That the store does not take it
 * is remembered for all manifests.
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
