export { AuthorizedRepository } from './access/authorized-repository.ts';
export { createCheckAccess } from './verification/check-access.ts';
export type { AccessQuestion, CheckAccess } from './verification/check-access.ts';
export { createAnswerAccess, createAnswerPeer } from './verification/remote/answer-access.ts';
export { openRemoteAccess } from './verification/remote/open-remote-access.ts';
export type { CallerTries } from './verification/guess-limits.ts';
export { createVerifyAccess } from './verification/verify-access.ts';
export type { VerifyAccess } from './verification/verify-access.ts';

export { createPullThrough } from './create-pull-through.ts';

export type { AnswerPeer } from './verification/remote/answer-access.ts';

export { createFreshnessPolicies, elapsedMs, freshnessOf, failureKindOf } from './freshness/freshness.ts';
export type { PolicyOf, FreshnessPolicy } from './freshness/freshness.ts';

export {
  decideOffline,
  readOfflineDecisions,
  openOfflineSwitch,
  refuseOffline,
} from './freshness/open-offline-switch.ts';
export type { OfflineSwitch } from './freshness/open-offline-switch.ts';

export type {
  BlobRequest,
  BlobStream,
  FreshnessFacts,
  FreshnessOptions,
  ManifestFacts,
  ManifestRequest,
  OpenedBlob,
  OpenedManifest,
  ManifestFromMemory,
  PullThrough,
} from './requests/pull-through.ts';

export { createPullHandlers } from './work/create-pull-handlers.ts';
export type { PullHandlerDeps } from './work/create-pull-handlers.ts';

export { limitPerUpstream } from './work/limit-per-upstream.ts';
export { parkFills } from './work/park-fills.ts';

export type { WorkDeps } from './work/work-deps.ts';
export { refuseWithoutWorkers, watchWorkers } from './requests/refuse-without-workers.ts';
export type { WorkerWatch } from './requests/refuse-without-workers.ts';
export { forcedRequestKey, workerRequestKey } from './requests/request-from-worker.ts';
export { questionSeal } from './verification/remote/access-protocol.ts';
export { fetchBlob } from './work/fetch-blob.ts';
export type { FetchBlobDeps } from './work/fetch-blob.ts';
export { fetchManifest, readStored } from './work/fetch-manifest.ts';
export { revalidateTag } from './work/revalidate-tag.ts';
export { shareTokens } from './work/share-tokens.ts';
export { upstreamOf } from './work/work-deps.ts';
