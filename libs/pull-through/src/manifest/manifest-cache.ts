// Manifests of the last minutes in memory.
import type { UnsavedManifest } from '@cistern/jobs';
import type { ContentCache } from '../content-cache.ts';

export interface CachedManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export type ManifestCache = ContentCache<CachedManifest>;

/** A manifest that the store did not take came with the answer that it was asked for by. */
export function takeUnsaved(manifests: ManifestCache, unsaved: UnsavedManifest | null): void {
  if (unsaved === null) return;
  const { digest, mediaType, bytesBase64 } = unsaved;
  manifests.set(digest, { mediaType, bytes: Buffer.from(bytesBase64, 'base64') });
}
