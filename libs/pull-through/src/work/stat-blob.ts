// Runs the stat-blob job, which confirms with the upstream that a repository holds a blob, and records the link.
import type { JobPayload } from '@cistern/jobs';
import { confirmLink, recordHeld } from '@cistern/content';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

export async function statBlob(
  deps: Pick<WorkDeps, 'upstreams' | 'index' | 'store' | 'log'>,
  { upstream, repository, digest }: JobPayload<'stat-blob'>,
  signal: AbortSignal,
): Promise<null> {
  const size = await upstreamOf(deps, upstream).headBlob(repository, digest, { signal });
  const key = { upstream, repository };
  await recordHeld(deps, key, digest);
  await confirmLink(deps, key, digest, { size, mayRestore: true });
  return null;
}
