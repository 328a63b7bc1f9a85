import type { JobHandlers } from '@cistern/jobs';

export type PrewarmJob = 'prewarm-tag' | 'prewarm-blobs';

/** Returns handlers for caches in tests that do not prewarm. */
export function refusePrewarms(): Pick<JobHandlers, PrewarmJob> {
  return { 'prewarm-tag': refuse, 'prewarm-blobs': refuse };
}

function refuse(): Promise<never> {
  return Promise.reject(new TypeError('this cache does not prewarm'));
}
