// Reads a cached manifest from memory or from the store. Bytes from the store are hashed before they are kept in memory.
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
  /**
   * Remembers repositories and digests whose stored bytes are not a manifest, so that the bytes are not read again for each
   * request.
   */
  readonly noManifests: Recent<string, true>;
}

/**
 * Reads a cached manifest. Resolves to `undefined` if it must be fetched. The caller has checked that the repository `key`
 * holds `digest`.
 */
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

/**
 * Resolves to the facts for a HEAD request, or to `undefined` if the manifest must be fetched. It does not read the bytes if
 * the index has the facts.
 */
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
    // Removes the new record if the manifest was evicted after it was read.
    await forgetMissing(deps, digest);
    return record;
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}

/**
 * Parses a manifest. A manifest that was stored before the limit on values existed may exceed the limit. It gets the media type
 * of its link, and its children are not parsed.
 */
function readManifest(bytes: Buffer, linkedMediaType: string | undefined): Manifest {
  if (linkedMediaType !== undefined && linkedMediaType !== '' && hasTooManyValues(bytes))
    return { kind: 'other', mediaType: linkedMediaType, children: [] };
  return parseStoredManifest(bytes);
}
