import type { JobHandlers } from '@cistern/jobs';

export type PrewarmJob = 'prewarm-tag' | 'prewarm-blobs';

/** For caches whose tests prewarm nothing. */
export function refusePrewarms(): Pick<JobHandlers, PrewarmJob> {
  return { 'prewarm-tag': refuse, 'prewarm-blobs': refuse };
}

function refuse(): Promise<never> {
  return Promise.reject(new TypeError('this cache prewarms nothing'));
}
