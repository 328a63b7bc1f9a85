// A manifest that is here: in memory, or in the store. What comes from the store is hashed on its way into memory.
import { type ManifestRecord, type RepositoryKey, repositoryPath } from '@cistern/index';
import {
  type Digest,
  hasTooManyValues,
  type Manifest,
  maxManifestBytes,
  OciSyntaxError,
  parseStoredManifest,
} from '@cistern/oci';
import { forgetMissing } from '../blob/delete-blobs.ts';
import { setAsideOnce, type SetAsideOnceDeps } from '../blob/set-aside.ts';
import { confirmDamage, readHashed } from '../blob/hash-stored.ts';
import type { Recent } from '@cistern/runtime';
import { writeLinksObject } from '../objects/small-objects.ts';
import type { CachedManifest, ManifestCache } from '../objects/content-cache.ts';
import { putLinks } from '../links/repository-links.ts';
import { linksOf, recordManifest } from './store-manifest.ts';

export interface StoredManifestDeps extends SetAsideOnceDeps {
  readonly manifests: ManifestCache;
  /** Stored bytes that are no manifest, by repository and digest: they are not read for each request. */
  readonly noManifests: Recent<string, true>;
}

/** `undefined`: it has to be fetched. `key` holds `digest`. */
export async function readStoredManifest(
  deps: StoredManifestDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<CachedManifest | undefined> {
  const cached = deps.manifests.get(digest);
  if (cached !== undefined) return cached;
  const known = await deps.index.manifests.get(digest);
  const name = `${repositoryPath(key)} ${digest}`;
  if (known === undefined && deps.noManifests.has(name)) return undefined;
  const bytes = await readVerified(deps, digest);
  if (bytes === undefined) return undefined;
  const record = known ?? (await adopt(deps, key, digest, bytes));
  if (record === undefined) {
    deps.noManifests.set(name, true);
    return undefined;
  }
  const manifest = { mediaType: record.mediaType, bytes };
  deps.manifests.set(digest, manifest);
  return manifest;
}

/** What a HEAD needs, without the bytes where the index knows. */
export async function statStoredManifest(
  deps: StoredManifestDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<{ readonly mediaType: string; readonly size: number } | undefined> {
  const known = await deps.index.manifests.get(digest);
  if (known !== undefined) return known;
  const manifest = await readStoredManifest(deps, key, digest);
  return manifest && { mediaType: manifest.mediaType, size: manifest.bytes.length };
}

async function readVerified(deps: StoredManifestDeps, digest: Digest): Promise<Buffer | undefined> {
  const { store, index, log } = deps;
  const record = await index.blobs.get(digest);
  const { state, bytes } = await confirmDamage(log, digest, () => readHashed(store, digest, maxManifestBytes));
  if (bytes !== undefined) return bytes;
  if (state === 'damaged') await setAsideOnce(deps, digest, record);
  await index.manifests.remove(digest);
  await forgetMissing({ index, store }, digest);
  return undefined;
}

async function adopt(
  deps: StoredManifestDeps,
  key: RepositoryKey,
  digest: Digest,
  bytes: Buffer,
): Promise<ManifestRecord | undefined> {
  try {
    const link = await deps.index.links.get(key, digest);
    const manifest = readManifest(bytes, link?.mediaType);
    const links = linksOf(key, digest, { manifest, size: bytes.length, platform: link?.platform });
    await writeLinksObject(deps.store, key, links, deps.now());
    await putLinks(deps.index, key, links);
    const record = await recordManifest(deps, digest, links[0]!.mediaType!, bytes.length);
    // It may have been evicted since it was read.
    await forgetMissing(deps, digest);
    return record;
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}

/** A manifest from before there was a limit is served by what its link says of it, without a look at its parts. */
function readManifest(bytes: Buffer, linkedMediaType: string | undefined): Manifest {
  if (linkedMediaType !== undefined && linkedMediaType !== '' && hasTooManyValues(bytes))
    return { kind: 'other', mediaType: linkedMediaType, children: [] };
  return parseStoredManifest(bytes);
}
