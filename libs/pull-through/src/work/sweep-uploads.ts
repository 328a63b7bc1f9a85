// Job sweep-uploads: ends what dead workers left half uploaded in the store.
import type { JobPayload } from '@cistern/jobs';
import type { WorkDeps } from './work-deps.ts';

export async function sweepUploads(
  { store, log }: Pick<WorkDeps, 'store' | 'log'>,
  { olderThanMs }: JobPayload<'sweep-uploads'>,
): Promise<null> {
  const uploads = (await store.sweepUploads?.(olderThanMs)) ?? 0;
  if (uploads > 0) log.info({ uploads }, 'uploads that nobody would complete were ended');
  return null;
}
