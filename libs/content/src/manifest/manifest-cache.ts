// Manifests of the last minutes in memory.
import type { ContentCache } from '../objects/content-cache.ts';

export interface CachedManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export type ManifestCache = ContentCache<CachedManifest>;
