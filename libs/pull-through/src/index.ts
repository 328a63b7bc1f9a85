export { createPullThrough } from './create-pull-through.ts';
export type { PullThroughDeps } from './create-pull-through.ts';
export { createFillTable } from './fill/fill-table.ts';
export type { FillTable } from './fill/fill-table.ts';
export { openSpoolDirectory } from './fill/spool-directory.ts';
export type { SpoolDirectory } from './fill/spool-directory.ts';
export type { FreshnessPolicy } from './manifest/freshness.ts';
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
export { createJobHandlers } from './work/create-job-handlers.ts';
export type { WorkDeps } from './work/work-deps.ts';
