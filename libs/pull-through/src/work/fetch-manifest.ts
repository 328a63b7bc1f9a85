// Job fetch-manifest: one manifest by digest into the store, with its links. What another repository brought already is
// not fetched again: a HEAD tells whether this one holds it too.
import type { RepositoryKey } from '@cistern/index';
import type { JobPayload, UnsavedManifest } from '@cistern/jobs';
import type { CallOptions } from '@cistern/upstream';
import type { Digest } from '@cistern/oci';
import {
  untilDeleted,
  readHashed,
  maxManifestBytes,
  isHeldManifest,
  ifStoreAnswers,
  backlogKeyOf,
  storeManifest,
  verifyManifest,
} from '@cistern/content';
import { checkRefused, storeOrRefuse } from './refused-manifests.ts';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

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

/** As far as this worker knows it, the bytes of what the store does not take yet among them. What is too large for a manifest, or is not what its digest says, does not count: upstream is asked then. */
export async function readStored(
  { store, backlog, log }: Pick<WorkDeps, 'store' | 'backlog' | 'log'>,
  digest: Digest,
): Promise<Buffer | undefined> {
  const waiting = backlog.waitingValue(backlogKeyOf(digest));
  if (waiting !== undefined) return waiting;
  return (await ifStoreAnswers(log, () => readHashed(store, digest, maxManifestBytes)))?.bytes;
}
