export type { StoreHealth } from './create-store-health.ts';
export { assembleAdmin } from './assemble-admin.ts';
export { assemble } from './assemble.ts';
export type { StandaloneAssembly } from './assemble.ts';
export { assembleFrontend } from './wire-frontend.ts';
export type { FrontendAssembly } from './wire-frontend.ts';
export { assembleWorker } from './wire-worker.ts';
export { createJobHandlers } from './create-job-handlers.ts';
export type { WorkerAssembly } from './wire-worker.ts';
export { adminAuthorization, adminSocketPath } from './admin-access.ts';
export { openAdminAccess } from './open-admin-access.ts';
export type { AdminAccess } from './open-admin-access.ts';
export type { Audit, AuditPage, AuditSearch } from './open-audit.ts';
export type { Decisions, StaleTag, UpstreamState } from './open-decisions.ts';
export type { ImageChanges, PurgeRequest } from './images/open-image-changes.ts';
export type { Images, ImageSearch } from './images/open-images.ts';
export type { ImageDetails, ListedImage, ListedImages, PopularImage } from './images/listed-image.ts';
export type { Nodes } from './open-nodes.ts';
export { latencyQuantileMs, viewNodes } from '@cistern/pull-through';
export type { Upkeep } from './open-upkeep.ts';
export type { Prewarm } from './open-prewarming.ts';
export { exportBundleOf } from './export-bundle-of.ts';
export { importBundleOf } from './import-bundle-of.ts';
export { withRobotTokens } from './with-robot-tokens.ts';
export { shareTokens } from './share-tokens.ts';
export type { ShareTokensOptions } from './share-tokens.ts';
export { rebuildIndexOf } from './rebuild-index-of.ts';
export type {
  ExportProgress,
  ImportedImage,
  ImportProgress,
  RebuildProgress,
  RebuildResult,
  ScrubPass,
  ScrubReport,
} from '@cistern/pull-through';
