export type {
  BlobRequest,
  BlobStream,
  CacheResult,
  ManifestFacts,
  ManifestRequest,
  OpenedBlob,
  OpenedManifest,
  PullThrough,
} from './pull-through.ts';
