// Prewarms an image when an operator requests it. It confirms the tag and fetches all layers, with the same jobs as
// scheduled prewarming.
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
  /** The platforms to choose from an index. Empty means the platforms that clients pull. */
  readonly platforms: readonly string[];
}

export interface PrewarmImageOptions {
  /** Ends only the wait when it fires. Running jobs continue. */
  readonly signal: AbortSignal;
  /** Called at intervals while blobs are missing. */
  readonly onProgress: (progress: PrewarmProgress) => void;
}

export interface PrewarmedImage extends PrewarmedBlobs {
  /** The tag's current digest. Unset if the upstream no longer has the tag, or was unavailable. */
  readonly digest?: Digest;
}

const tagTimeoutMs = 2 * 60_000;
const blobsTimeoutMs = 24 * 3_600_000;
const nothing = { blobs: 0, bytes: 0, fetchedBlobs: 0, fetchedBytes: 0 };

/** Resolves to a result, which contains failures of the upstream or the store. Rejects as `JobQueue.run` does. */
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
