// Runs the prewarm-tag job, which confirms a tag before it is due. If the tag has moved, the new manifests are fetched
// before the record of the tag changes. A separate job fetches the layers, because that may take long.
import type { JobPayload, JobQueue, JobResult } from '@cistern/jobs';
import { isCacheError } from '@cistern/errors';
import { failureKindOf, revalidateTag, type WorkDeps } from '@cistern/pull-through';
import { repositoryPath } from '@cistern/index';
import { fetchManifests } from './fetch-manifests.ts';
import type { ChoosePlatforms } from './choose-platforms.ts';
import { isPrewarmed } from './prewarm-blobs.ts';

export interface PrewarmTagDeps extends WorkDeps {
  readonly queue: JobQueue;
  readonly choosePlatforms: ChoosePlatforms;
}

/**
 * Resolves to a result with a `failure` instead of rejecting, because scheduled jobs run again. Rejects only when
 * `signal` is aborted.
 */
export async function prewarmTag(
  deps: PrewarmTagDeps,
  { platforms: wanted, checkedAtMs, ...key }: JobPayload<'prewarm-tag'>,
  signal: AbortSignal,
): Promise<JobResult<'prewarm-tag'>> {
  const { index, log, metrics } = deps;
  const { upstream } = key;
  try {
    const platforms = [...(await deps.choosePlatforms(key, wanted))].sort();
    const before = await index.tags.get(key);
    const revalidation = { ...key, by: 'head', ...(checkedAtMs !== undefined && { checkedAtMs }) } as const;
    await revalidateTag(deps, revalidation, signal, {
      purpose: 'prewarm',
      async beforeRecord(digest, options) {
        if (!(await isPrewarmed(deps, { ...key, digest, platforms })))
          await fetchManifests(deps, key, digest, new Set(platforms), options);
      },
    });
    const digest = (await index.tags.get(key))?.digest;
    // The record of the tag was removed, as the policy of its upstream requires.
    if (digest === undefined) return {};
    metrics.prewarmedTags.inc({ upstream, result: before?.digest === digest ? 'unchanged' : 'moved' });
    const image = { upstream, repository: key.repository, digest, platforms };
    if (!(await isPrewarmed(deps, image)))
      await deps.queue.add('prewarm-blobs', image, { dedupKey: prewarmBlobsKey(image), class: 'background' });
    return { digest, platforms };
  } catch (error) {
    if (signal.aborted) throw error;
    const isSpared = isCacheError(error, 'upstream-rate-limited');
    metrics.prewarmedTags.inc({ upstream, result: isSpared ? 'spared' : 'failed' });
    if (!isCacheError(error)) log.error({ err: error, ...key }, 'failed to prewarm tag');
    else log.info({ err: error, ...key }, 'failed to prewarm tag');
    return { failure: { kind: failureKindOf(error), message: error instanceof Error ? error.message : String(error) } };
  }
}

export async function addPrewarmTag(
  { queue }: Pick<PrewarmTagDeps, 'queue'>,
  job: JobPayload<'prewarm-tag'>,
): Promise<void> {
  await queue.add('prewarm-tag', job, { dedupKey: prewarmTagKey(job), class: 'background' });
}

export function prewarmTagKey({ tag, platforms = [], ...key }: JobPayload<'prewarm-tag'>): string {
  return `${repositoryPath(key)}:${tag} ${platforms.join(' ')}`;
}

export function prewarmBlobsKey({ digest, platforms, ...key }: JobPayload<'prewarm-blobs'>): string {
  return `${repositoryPath(key)}@${digest} ${platforms.join(' ')}`;
}
