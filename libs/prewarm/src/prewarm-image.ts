// One image by somebody's wish, from its tag to its last layer, by the jobs that do it for everybody.
import type { CacheIndex, RepositoryKey } from '@cistern/index';
import type { JobQueue, PrewarmedBlobs } from '@cistern/jobs';
import type { Digest, Reference } from '@cistern/oci';
import { prewarmBlobsKey, prewarmTagKey } from './prewarm-tag.ts';
import { parsePrewarmProgress, type PrewarmProgress, prewarmTopic } from './prewarm-blobs.ts';

export interface PrewarmImageDeps {
  readonly queue: JobQueue;
  readonly index: Pick<CacheIndex, 'pubsub'>;
}

export interface PrewarmImageRequest extends RepositoryKey {
  readonly reference: Reference;
  /** Of an index; none: those that are pulled. */
  readonly platforms: readonly string[];
}

export interface PrewarmImageOptions {
  /** Ends the wait; what is under way goes on. */
  readonly signal: AbortSignal;
  /** Called now and then while something is missing. */
  readonly onProgress: (progress: PrewarmProgress) => void;
}

export interface PrewarmedImage extends PrewarmedBlobs {
  /** What the tag names now; absent where upstream no longer has it, or could not be asked. */
  readonly digest?: Digest;
}

const tagTimeoutMs = 2 * 60_000;
const blobsTimeoutMs = 24 * 3_600_000;
const nothing = { blobs: 0, bytes: 0, fetchedBlobs: 0, fetchedBytes: 0 };

/** What upstream or the store did not give is a failure in the result; rejects as `JobQueue.run`. */
export async function prewarmImage(
  deps: PrewarmImageDeps,
  { upstream, repository, reference, platforms }: PrewarmImageRequest,
  options: PrewarmImageOptions,
): Promise<PrewarmedImage> {
  const key = { upstream, repository };
  if (reference.kind === 'digest') return fetchBlobsOf(deps, { ...key, digest: reference.digest, platforms }, options);
  const job = { ...key, tag: reference.tag, platforms };
  const { digest, failure, ...tag } = await deps.queue.run('prewarm-tag', job, {
    dedupKey: prewarmTagKey(job),
    class: 'background',
    timeoutMs: tagTimeoutMs,
    signal: options.signal,
  });
  if (digest !== undefined)
    return fetchBlobsOf(deps, { ...key, digest, platforms: tag.platforms ?? platforms }, options);
  return { ...nothing, failure: failure ?? { kind: 'manifest-unknown', message: 'Upstream no longer has this tag.' } };
}

async function fetchBlobsOf(
  { queue, index }: PrewarmImageDeps,
  job: RepositoryKey & { readonly digest: Digest; readonly platforms: readonly string[] },
  { signal, onProgress }: PrewarmImageOptions,
): Promise<PrewarmedImage> {
  const unsubscribe = await index.pubsub.subscribe(prewarmTopic(job, job.digest), (message) => {
    const progress = parsePrewarmProgress(message);
    if (progress !== undefined) onProgress(progress);
  });
  try {
    const dedupKey = prewarmBlobsKey(job);
    const options = { dedupKey, class: 'background', timeoutMs: blobsTimeoutMs, signal } as const;
    return { digest: job.digest, ...(await queue.run('prewarm-blobs', job, options)) };
  } finally {
    unsubscribe();
  }
}
