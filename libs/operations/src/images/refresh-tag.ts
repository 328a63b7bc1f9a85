// Asks upstream what a tag names, now, because somebody wants to know: by a worker, for all nodes.
import type { CacheIndex, TagKey } from '@cistern/index';
import type { JobQueue } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';
import { workerRequestKey } from '@cistern/pull-through';

export interface RefreshedTag {
  /** What the tag named here until now; `undefined`: nobody here had asked for it. */
  readonly before: Digest | undefined;
  readonly after: Digest | undefined;
}

/** Upstream's own deadlines end it sooner. */
const timeoutMs = 60_000;

/**
 * Where the tag has moved, its manifest is here before the tag names it; what else it names is fetched when it is pulled. It is
 * spent from upstream's budget like a revalidation, and refused where that is at its reserve. Rejects as `JobQueue.run`.
 */
export async function refreshTag(
  { index, queue }: { readonly index: Pick<CacheIndex, 'tags'>; readonly queue: JobQueue },
  key: TagKey,
): Promise<RefreshedTag> {
  const { upstream, repository, tag } = key;
  const before = (await index.tags.get(key))?.digest;
  // Not one with the jobs of clients, who may be content with what was confirmed a moment ago.
  const dedupKey = `now ${workerRequestKey('revalidate-tag', key, tag)}`;
  const job = { upstream, repository, tag, by: before === undefined ? 'get' : 'head' } as const;
  await queue.run('revalidate-tag', job, { dedupKey, class: 'interactive', timeoutMs });
  return { before, after: (await index.tags.get(key))?.digest };
}
