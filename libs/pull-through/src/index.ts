export { AuthorizedRepository } from './access/authorized-repository.ts';
export { createCheckAccess } from './verification/check-access.ts';
export type { AccessQuestion, CheckAccess } from './verification/check-access.ts';
export { createAnswerAccess } from './verification/remote/answer-access.ts';
export { openRemoteAccess } from './verification/remote/open-remote-access.ts';
export type { CallerTries } from './verification/guess-limits.ts';
export { createVerifyAccess } from './verification/verify-access.ts';
export type { VerifyAccess } from './verification/verify-access.ts';

export { createPullThrough } from './create-pull-through.ts';

export { createAnswerPeer } from './answer-peer.ts';
export type { AnswerPeer } from './answer-peer.ts';

export { createFreshnessPolicies } from './freshness/create-freshness-policies.ts';
export { freshnessOf } from './freshness/freshness.ts';
export type { PolicyOf } from './freshness/create-freshness-policies.ts';

export { decideOffline, readOfflineDecisions } from './freshness/offline-decisions.ts';
export { openOfflineSwitch } from './freshness/open-offline-switch.ts';
export type { OfflineSwitch } from './freshness/open-offline-switch.ts';
export { refuseOffline } from './freshness/refuse-offline.ts';

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

export { startSchedules } from './work/start-schedules.ts';

export type { WorkDeps } from './work/work-deps.ts';
export type { FreshnessPolicy } from './freshness/freshness.ts';
export { failureKindOf } from './freshness/last-failure.ts';
export { workerRequestKey } from './requests/request-from-worker.ts';
export { questionSeal } from './verification/remote/question-seal.ts';
export { fetchBlob } from './work/fetch-blob.ts';
export type { FetchBlobDeps } from './work/fetch-blob.ts';
export { fetchManifest, readStored } from './work/fetch-manifest.ts';
export { revalidateTag } from './work/revalidate-tag.ts';
export { shareTokens } from './work/share-tokens.ts';
export { upstreamOf } from './work/work-deps.ts';
