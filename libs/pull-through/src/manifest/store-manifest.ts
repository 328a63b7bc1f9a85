// Keeps one verified manifest: bytes and links into the store first, which is the truth, then the index.
import { type BlobStore, putBytes } from '@cistern/blob-store';
import type { CacheIndex, Link, ManifestRecord, RepositoryKey } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import { type Digest, OciSyntaxError, parseManifest } from '@cistern/oci';
import { writeLinksObject } from '../small-objects.ts';

export interface StoreManifestDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly now: () => number;
}

/** `bytes` have been verified against `digest`. Rejects with `content-mismatch` for what is no manifest; it is not kept. */
export async function storeManifest(
  deps: StoreManifestDeps,
  key: RepositoryKey,
  digest: Digest,
  manifest: { readonly bytes: Buffer; readonly mediaType: string },
): Promise<ManifestRecord> {
  const links = readLinks(key, digest, manifest);
  await putBytes(deps.store, digest, manifest.bytes);
  await writeLinksObject(deps.store, key, links);
  await deps.index.links.put(key, links);
  return recordManifest(deps, digest, links[0]!.mediaType!, manifest.bytes.length);
}

/** That upstream serves something else than a manifest is no mistake of the client's. */
function readLinks(
  key: RepositoryKey,
  digest: Digest,
  { bytes, mediaType }: { readonly bytes: Buffer; readonly mediaType: string },
): Link[] {
  try {
    return linksOf(key, digest, bytes, mediaType);
  } catch (error) {
    if (!(error instanceof OciSyntaxError)) throw error;
    const message = `Upstream ${key.upstream} sent no valid manifest as ${digest}: ${error.message}.`;
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
  await index.blobs.put({
    schema: 1,
    digest,
    size,
    state: 'present',
    verified: true,
    storedAtMs,
    lastPulledAtMs: storedAtMs,
  });
  await index.manifests.put(record);
  return record;
}

/** The manifest itself, then what it names. Foreign layers are not ours to promise. */
export function linksOf(key: RepositoryKey, digest: Digest, bytes: Buffer, contentType: string | undefined): Link[] {
  const { upstream, repository } = key;
  const manifest = parseManifest(bytes, contentType);
  const children = manifest.children
    .filter((child) => child.foreign !== true)
    .map((child): Link => ({
      upstream,
      repository,
      digest: child.digest,
      kind: child.role === 'manifest' ? 'manifest' : 'blob',
      size: child.size,
      mediaType: child.mediaType,
    }));
  return [
    { upstream, repository, digest, kind: 'manifest', size: bytes.length, mediaType: manifest.mediaType },
    ...children,
  ];
}
