// Verifies and stores a manifest from an upstream. The bytes, and then the links, are written to the store before the index,
// because the store is the source of truth.
import { putBytes } from '@cistern/blob-store';
import type { Link, ManifestRecord, RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  hasDigest,
  type Manifest,
  OciSyntaxError,
  parseManifest,
  platformName,
} from '@cistern/oci';
import type { Metrics } from '@cistern/telemetry';
import { untilDeleted } from '../blob/delete-blobs.ts';
import { type IndexAndStore, verifiedRecord } from '../blob/stored-blob.ts';
import { putLinks } from '../links/repository-links.ts';
import { writeLinksObject } from '../objects/small-objects.ts';

export interface StoreManifestDeps extends IndexAndStore {
  readonly now: () => number;
}

/**
 * Stores a manifest whose bytes the caller has verified against `digest`. Resolves to the media type, and the size in bytes.
 * Rejects with `content-mismatch` if the bytes are not a manifest, and with `store-unavailable`.
 */
export async function storeManifest(
  deps: StoreManifestDeps,
  key: RepositoryKey,
  digest: Digest,
  manifest: { readonly bytes: Buffer; readonly mediaType: string },
): Promise<{ readonly mediaType: string; readonly size: number }> {
  const { store, index } = deps;
  const { bytes } = manifest;
  // The platform is known only from an image index that lists the manifest. The manifest itself does not have it.
  const platform = (await index.links.get(key, digest))?.platform;
  const links = readLinks(key, digest, manifest, platform);
  const mediaType = links[0]!.mediaType!;
  await untilDeleted(deps, digest);
  await putBytes(store, digest, bytes);
  await recordManifest(deps, digest, mediaType, bytes.length);
  await writeLinksObject(store, key, links, deps.now());
  await putLinks(index, key, links);
  return { mediaType, size: bytes.length };
}

/**
 * Parses the manifest. Throws `content-mismatch` if it is invalid, because that is an error of the upstream, not of the client.
 */
function readLinks(
  key: RepositoryKey,
  digest: Digest,
  { bytes, mediaType }: { readonly bytes: Buffer; readonly mediaType: string },
  platform: string | undefined,
): Link[] {
  try {
    return linksOf(key, digest, { manifest: parseManifest(bytes, mediaType), size: bytes.length, platform });
  } catch (error) {
    if (!(error instanceof OciSyntaxError)) throw error;
    const message = `Upstream ${key.upstream} sent an invalid manifest for ${digest}: ${error.message}.`;
    throw new CacheError('content-mismatch', message, { cause: error });
  }
}

/** Records a manifest that is in the store. */
export async function recordManifest(
  { index, now }: Pick<StoreManifestDeps, 'index' | 'now'>,
  digest: Digest,
  mediaType: string,
  size: number,
): Promise<ManifestRecord> {
  const storedAtMs = now();
  const record: ManifestRecord = { schema: 1, digest, mediaType, size, storedAtMs };
  await index.blobs.put(verifiedRecord(digest, size, storedAtMs));
  await index.manifests.put(record);
  return record;
}

/**
 * Returns the link of the manifest, then the links of its children. The link of the manifest is confirmed, by the repository's
 * upstream or an operator. The links of the children are only claims. Foreign layers have no link, because this cache cannot
 * provide them.
 */
export function linksOf(
  key: RepositoryKey,
  digest: Digest,
  {
    manifest,
    size,
    platform,
  }: { readonly manifest: Manifest; readonly size: number; readonly platform: string | undefined },
): Link[] {
  const { upstream, repository } = key;
  const children = manifest.children
    .filter((child) => child.foreign !== true)
    .map((child): Link => ({
      upstream,
      repository,
      digest: child.digest,
      kind: child.role === 'manifest' ? 'manifest' : 'blob',
      size: child.size,
      mediaType: child.mediaType,
      platform: child.platform && platformName(child.platform),
    }));
  const { mediaType } = manifest;
  return [{ upstream, repository, digest, kind: 'manifest', size, mediaType, platform, confirmed: true }, ...children];
}

/** Throws and counts `content-mismatch` unless `bytes`, or their signed part, match `digest`. */
export function verifyManifest(
  { metrics }: { readonly metrics: Pick<Metrics, 'contentMismatches'> },
  upstream: string,
  digest: Digest,
  bytes: Buffer,
): void {
  if (hasDigest(bytes, digest)) return;
  metrics.contentMismatches.inc({ upstream });
  const actual = digestOf(bytes, digestAlgorithm(digest));
  const message = `Upstream ${upstream} sent a manifest with digest ${actual} instead of ${digest}.`;
  throw new CacheError('content-mismatch', message, { retryable: true });
}
