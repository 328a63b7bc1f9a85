// The jobs that fetch early, as a worker runs them.
import type { JobHandlers, JobQueue } from '@cistern/jobs';
import type { FetchBlobDeps } from '@cistern/pull-through';
import { createPlatformChoice } from './choose-platforms.ts';
import { createBandwidth } from '@cistern/runtime';
import { planPrewarm, type PrewarmPlan } from './plan-prewarm.ts';
import { prewarmBlobs } from './prewarm-blobs.ts';
import { prewarmTag } from './prewarm-tag.ts';

export interface PrewarmDeps extends FetchBlobDeps {
  readonly queue: JobQueue;
  /** Asked of upstreams is nothing while they are. Default: none ever is. */
  readonly isOffline?: (upstream: string) => boolean;
  /** Absent: nothing is fetched early unless somebody asks for it. */
  readonly prewarm?: PrewarmPlan | undefined;
}

type PrewarmJob = 'plan-prewarm' | 'prewarm-tag' | 'prewarm-blobs';

export function createPrewarmHandlers(options: PrewarmDeps): Pick<JobHandlers, PrewarmJob> {
  const { top = 0, images = [], bytesPerSecond = Infinity } = options.prewarm ?? {};
  const bandwidth = bytesPerSecond === Infinity ? undefined : createBandwidth(bytesPerSecond);
  const { isOffline = () => false } = options;
  const deps = { ...options, isOffline, top, images, bandwidth, choosePlatforms: createPlatformChoice(options) };
  return {
    'plan-prewarm': (payload, { signal }) => planPrewarm(deps, payload, signal),
    'prewarm-tag': (payload, { signal }) => prewarmTag(deps, payload, signal),
    'prewarm-blobs': (payload, { signal }) => prewarmBlobs(deps, payload, signal),
  };
}
