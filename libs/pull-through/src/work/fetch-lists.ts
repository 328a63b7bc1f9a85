// Jobs fetch-tags and fetch-referrers: lists that upstream alone knows, passed on page by page.
import type { JobPayload, ReferrersPage, TagsPage } from '@cistern/jobs';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

export async function fetchTags(
  deps: Pick<WorkDeps, 'upstreams'>,
  { upstream, repository, n, last }: JobPayload<'fetch-tags'>,
  signal: AbortSignal,
): Promise<TagsPage> {
  return upstreamOf(deps, upstream).listTags(repository, { n, last }, signal);
}

export async function fetchReferrers(
  deps: Pick<WorkDeps, 'upstreams'>,
  { upstream, repository, digest, artifactType, nextQuery }: JobPayload<'fetch-referrers'>,
  signal: AbortSignal,
): Promise<ReferrersPage> {
  const { bytes, ...page } = await upstreamOf(deps, upstream).listReferrers(
    repository,
    digest,
    { artifactType, nextQuery },
    signal,
  );
  return { bytesBase64: bytes.toString('base64'), ...page };
}
