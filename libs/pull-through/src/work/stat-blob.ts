// Job stat-blob: asks upstream whether a repository holds a blob, and links it if so.
import type { JobPayload } from '@cistern/jobs';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

export async function statBlob(
  deps: Pick<WorkDeps, 'upstreams' | 'index'>,
  { upstream, repository, digest }: JobPayload<'stat-blob'>,
  signal: AbortSignal,
): Promise<null> {
  const size = await upstreamOf(deps, upstream).headBlob(repository, digest, { signal });
  const key = { upstream, repository };
  await deps.index.links.put(key, [{ ...key, digest, kind: 'blob', size }]);
  return null;
}
