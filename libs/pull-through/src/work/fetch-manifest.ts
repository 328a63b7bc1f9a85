// Job fetch-manifest: one manifest by digest into the store, with its links. What another repository brought already is
// not fetched again: a HEAD tells whether this one holds it too.
import {
  backlogKeyOf,
  ifStoreAnswers,
  isHeldManifest,
  maxManifestBytes,
  readHashed,
  storeManifest,
  untilDeleted,
  verifyManifest,
} from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import { type RepositoryKey, repositoryPath } from '@cistern/index';
import type { JobPayload, UnsavedManifest } from '@cistern/jobs';
import type { Digest, Reference } from '@cistern/oci';
import type { CallOptions } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from './work-deps.ts';

/** A refused manifest stays as it is under its digest. Under a tag, upstream may have mended it. */
const rememberMs = { digest: 120_000, tag: 30_000 };

export async function fetchManifest(
  deps: WorkDeps,
  { upstream: name, repository, digest }: JobPayload<'fetch-manifest'>,
  options: CallOptions,
): Promise<UnsavedManifest | null> {
  const upstream = upstreamOf(deps, name);
  const key = { upstream: name, repository };
  const reference = { kind: 'digest', digest } as const;
  const keep = async (manifest: { readonly bytes: Buffer; readonly mediaType: string }) =>
    (await storeOrRefuse(deps, key, [reference], () => storeManifest(deps, key, digest, manifest))).unsaved;
  await checkRefused(deps, key, reference);
  await untilDeleted(deps, digest);
  const stored = await readStored(deps, digest);
  if (stored !== undefined) {
    // Brought by another job since this one was asked for.
    if (await isKept(deps, key, digest)) return null;
    const { mediaType } = await upstream.headManifest(repository, reference, options);
    return keep({ bytes: stored, mediaType });
  }
  const manifest = await upstream.getManifest(repository, reference, options);
  verifyManifest(deps, name, digest, manifest.bytes);
  return keep(manifest);
}

async function isKept({ index, backlog }: WorkDeps, key: RepositoryKey, digest: Digest): Promise<boolean> {
  if (backlog.waitingValue(backlogKeyOf(digest)) !== undefined) return false;
  const [link, record] = await Promise.all([index.links.get(key, digest), index.manifests.get(digest)]);
  return isHeldManifest(link) && record !== undefined;
}

/**
 * The stored bytes, as far as this worker knows them: those that the store does not take yet are among them. Bytes that are too
 * many for a manifest, or not of the digest, do not count: upstream is asked then.
 */
export async function readStored(
  { store, backlog, log }: Pick<WorkDeps, 'store' | 'backlog' | 'log'>,
  digest: Digest,
): Promise<Buffer | undefined> {
  const waiting = backlog.waitingValue(backlogKeyOf(digest));
  if (waiting !== undefined) return waiting;
  return (await ifStoreAnswers(log, () => readHashed(store, digest, maxManifestBytes)))?.bytes;
}

/** Rejects with the same `content-mismatch` as before, if the manifest was refused a moment ago. */
export async function checkRefused(
  { index }: Pick<WorkDeps, 'index'>,
  key: RepositoryKey,
  reference: Reference,
): Promise<void> {
  const message = await index.values.get(nameOf(key, reference));
  if (message !== undefined) throw new CacheError('content-mismatch', message, { detail: { upstream: key.upstream } });
}

/**
 * Stores a verified manifest by `store`. Its refusal, which is a `content-mismatch`, is remembered for all of `references` and for
 * all nodes. Otherwise, each request for one costs a GET of up to 4 MiB, and the time to read it.
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
    throw error;
  }
}

function nameOf(key: RepositoryKey, reference: Reference): string {
  return `refused-manifest ${repositoryPath(key)} ${reference.kind === 'tag' ? reference.tag : reference.digest}`;
}
