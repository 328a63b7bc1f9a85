export { AuthorizedRepository } from './access/authorized-repository.ts';
export type { PullDecision, PullQuestion } from './access/authorized-repository.ts';
export { createCheckAccess } from './access/check-access.ts';
export type { AccessQuestion, CheckAccess } from './access/check-access.ts';
export { createAnswerAccess } from './access/remote/answer-access.ts';
export { openRemoteAccess } from './access/remote/open-remote-access.ts';
export type { RemoteAccess } from './access/remote/open-remote-access.ts';
export type { Seal } from './access/seal.ts';
export type { CallerTries } from './access/guess-limits.ts';
export { createVerifyAccess } from './access/verify-access.ts';
export type { VerifyAccess } from './access/verify-access.ts';
export { exportBundle } from './bundle/export-bundle.ts';
export type { ExportOptions, ExportProgress } from './bundle/export-bundle.ts';
export { importBundle } from './bundle/import-bundle.ts';
export type { ImportedImage, ImportOptions, ImportProgress, ImportResult } from './bundle/import-bundle.ts';
export { createPullThrough } from './create-pull-through.ts';
export type { PullThroughDeps } from './create-pull-through.ts';
export { createDiskRoom } from './disk/disk-room.ts';
export type { DiskRoom } from './disk/disk-room.ts';
export { joinDiskRooms } from './disk/join-disk-rooms.ts';
export { noMinFree, reserveBytes } from './disk/min-free.ts';
export type { AgeLimits } from './eviction/choose-aged.ts';
export type { IndexAndStore } from './index-and-store.ts';
export { createStoreRoom, storeWithRoom } from './eviction/create-store-room.ts';
export { createReadLimits } from './eviction/eviction-limits.ts';
export type { ReadLimits } from './eviction/eviction-limits.ts';
export { planEviction } from './eviction/plan-eviction.ts';
export type { EvictionPlan, PlannedVictim } from './eviction/plan-eviction.ts';
export { listPins, pinImage, unpinImage } from './eviction/pins.ts';
export { startEvictor } from './eviction/start-evictor.ts';
export type { Evictor } from './eviction/start-evictor.ts';
export { wantRoom } from './eviction/wanted-room.ts';
export { createFillAccess } from './fill/fill-access.ts';
export { createFillTable } from './fill/fill-table.ts';
export type { FillTable } from './fill/fill-table.ts';
export { openSpoolDirectory } from './fill/spool-directory.ts';
export { handOverFills } from './fill/hand-over.ts';
export { createAnswerFill } from './fill/remote/answer-fill.ts';
export { createAnswerPeer } from './answer-peer.ts';
export type { AnswerPeer } from './answer-peer.ts';
export { openRemoteFills } from './fill/remote/open-remote-fills.ts';
export type { RemoteFills } from './fill/remote/open-remote-fills.ts';
export type { SpoolDirectory } from './fill/spool-directory.ts';
export { createFreshnessPolicies } from './freshness/create-freshness-policies.ts';
export { freshnessOf } from './freshness/freshness.ts';
export type { PolicyOf } from './freshness/create-freshness-policies.ts';
export { listStale } from './freshness/list-stale.ts';
export { decideOffline, readOfflineDecisions } from './freshness/offline-decisions.ts';
export type { OfflineDecision, OfflineDecisions } from './freshness/offline-decisions.ts';
export { openOfflineSwitch } from './freshness/open-offline-switch.ts';
export type { OfflineSwitch } from './freshness/open-offline-switch.ts';
export { refuseOffline } from './freshness/refuse-offline.ts';
export { describeImage } from './images/describe-image.ts';
export type { ImageDescription, LayerDescription, PlatformDescription } from './images/describe-image.ts';
export { refreshTag } from './images/refresh-tag.ts';
export type { RefreshedTag } from './images/refresh-tag.ts';
export { selectTags } from './images/select-tags.ts';
export type { SelectedTags, TagPosition } from './images/select-tags.ts';
export { readScrubReport } from './integrity/scrub-report.ts';
export type { Damage, ScrubCounts, ScrubPass, ScrubReport } from './integrity/scrub-report.ts';
export { startScrubber } from './integrity/start-scrubber.ts';
export { isSameSecret } from './is-same-secret.ts';
export { latencyQuantileMs } from './nodes/measure-latency.ts';
export type { NodeRole } from './nodes/node-report.ts';
export { startReporting } from './nodes/start-reporting.ts';
export { viewNodes } from './nodes/view-nodes.ts';
export type { NodesView } from './nodes/view-nodes.ts';
export { createPushes } from './prewarm/create-pushes.ts';
export type { Pushes } from './prewarm/create-pushes.ts';
export { prewarmImage } from './prewarm/prewarm-image.ts';
export type { PrewarmedImage, PrewarmImageOptions } from './prewarm/prewarm-image.ts';
export type { PrewarmProgress } from './prewarm/prewarm-progress.ts';
export type {
  BlobRequest,
  BlobStream,
  CacheResult,
  FreshnessFacts,
  FreshnessWish,
  ManifestFacts,
  ManifestRequest,
  OpenedBlob,
  OpenedManifest,
  RecalledBlob,
  RecalledManifest,
  PullThrough,
  ReferrersRequest,
  TagsRequest,
} from './pull-through.ts';
export { followPurges } from './purge/follow-purges.ts';
export { purge } from './purge/purge.ts';
export type { PurgeWish } from './purge/purge.ts';
export type { Purged, PurgeResult } from './purge/purge-deps.ts';
export { rebuildIndex } from './rebuild/rebuild-index.ts';
export type { RebuildOptions, RebuildProgress, RebuildResult } from './rebuild/rebuild-index.ts';
export { withLease } from './rebuild/with-lease.ts';
export { startIndexKeeper } from './rebuild/start-index-keeper.ts';
export type { IndexKeeper, IndexKeeperOptions } from './rebuild/start-index-keeper.ts';
export { createPullHandlers } from './work/create-pull-handlers.ts';
export type { PullHandlerDeps } from './work/create-pull-handlers.ts';
export { createPrewarmHandlers } from './prewarm/create-prewarm-handlers.ts';
export type { PrewarmDeps } from './prewarm/create-prewarm-handlers.ts';
export { startSchedules } from './work/start-schedules.ts';
export { createStoreBacklog } from './work/store-backlog.ts';
export type { WorkDeps } from './work/work-deps.ts';
