// Creates the job handlers of prewarming for a worker.
import type { JobHandlers, JobQueue } from '@cistern/jobs';
import type { FetchBlobDeps } from '@cistern/pull-through';
import { createPlatformChoice } from './choose-platforms.ts';
import { createBandwidth } from '@cistern/runtime';
import type { PrewarmPlan } from './plan-prewarm.ts';
import { prewarmBlobs } from './prewarm-blobs.ts';
import { prewarmTag } from './prewarm-tag.ts';

export interface PrewarmDeps extends FetchBlobDeps {
  readonly queue: JobQueue;
  /** Unset means that images are prewarmed only when an operator requests it. */
  readonly prewarm?: PrewarmPlan | undefined;
}

type PrewarmJob = 'prewarm-tag' | 'prewarm-blobs';

export function createPrewarmHandlers(options: PrewarmDeps): Pick<JobHandlers, PrewarmJob> {
  const { bytesPerSecond = Infinity } = options.prewarm ?? {};
  const bandwidth = bytesPerSecond === Infinity ? undefined : createBandwidth(bytesPerSecond);
  const deps = { ...options, bandwidth, choosePlatforms: createPlatformChoice(options) };
  return {
    'prewarm-tag': (payload, { signal }) => prewarmTag(deps, payload, signal),
    'prewarm-blobs': (payload, { signal }) => prewarmBlobs(deps, payload, signal),
  };
}
