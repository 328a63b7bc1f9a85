// Runs the prewarm-blobs job, which fetches all parts of an image into the store (decision 0023).
import { findStoredBlob } from '@cistern/content';
import { isCacheError } from '@cistern/errors';
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';
import type { JobPayload, JobResult, PrewarmedBlobs } from '@cistern/jobs';
import type { Digest, Manifest } from '@cistern/oci';
import { failureKindOf } from '@cistern/pull-through';
import type { ChoosePlatforms } from './choose-platforms.ts';
import { fetchBlobs, type FetchBlobsDeps, type WantedBlob } from './fetch-blobs.ts';
import { fetchManifests } from './fetch-manifests.ts';

/** The progress of a job, published for the process that waits for it. A message may be lost. */
export interface PrewarmProgress {
  /** The number of layers and configurations of the image. `blobsHere` counts those that are stored. */
  readonly blobs: number;
  readonly blobsHere: number;
  readonly bytes: number;
  readonly bytesHere: number;
}

export interface PrewarmBlobsDeps extends FetchBlobsDeps {
  readonly choosePlatforms: ChoosePlatforms;
}

const reportEveryMs = 500;
const keepMarksMs = 24 * 3_600_000;

/**
 * Resolves to a result with a `failure` instead of rejecting, because scheduled jobs run again. Rejects only when
 * `signal` is aborted.
 */
export async function prewarmBlobs(
  deps: PrewarmBlobsDeps,
  job: JobPayload<'prewarm-blobs'>,
  signal: AbortSignal,
): Promise<JobResult<'prewarm-blobs'>> {
  const { log, metrics } = deps;
  const { upstream, repository, digest } = job;
  const key = { upstream, repository };
  let fetched: Omit<PrewarmedBlobs, 'failure'> = { blobs: 0, bytes: 0, fetchedBlobs: 0, fetchedBytes: 0 };
  try {
    const platforms = await deps.choosePlatforms(key, job.platforms);
    const images = await fetchManifests(deps, key, digest, platforms, { signal, purpose: 'prewarm' });
    const { wanted, missing } = await findMissing(deps, images);
    fetched = { ...fetched, blobs: wanted.length, bytes: sizeOf(wanted) };
    const reporting = reportProgress(deps, job, { wanted, missing });
    try {
      await fetchBlobs(deps, key, missing, {
        signal,
        onStored(blob) {
          reporting.stored(blob);
          metrics.prewarmedBytes.inc({ upstream }, blob.size ?? 0);
          const { fetchedBlobs, fetchedBytes } = fetched;
          fetched = { ...fetched, fetchedBlobs: fetchedBlobs + 1, fetchedBytes: fetchedBytes + (blob.size ?? 0) };
        },
      });
    } finally {
      reporting.end();
    }
    await deps.index.values.put(markOf(job), '1', keepMarksMs);
    metrics.prewarmedImages.inc({ upstream, result: 'done' });
    if (missing.length > 0) log.info({ ...key, digest, ...fetched }, 'prewarmed image');
    return fetched;
  } catch (error) {
    if (signal.aborted) throw error;
    if (!isCacheError(error)) log.error({ err: error, ...key, digest }, 'failed to prewarm image');
    else log.warn({ err: error, ...key, digest }, 'failed to prewarm image');
    metrics.prewarmedImages.inc({ upstream, result: 'failed' });
    const message = error instanceof Error ? error.message : String(error);
    return { ...fetched, failure: { kind: failureKindOf(error), message } };
  }
}

async function findMissing(deps: FetchBlobsDeps, images: readonly Manifest[]) {
  const wanted = new Map<Digest, WantedBlob>();
  for (const { children } of images)
    for (const { role, foreign, digest, size } of children)
      if (role !== 'manifest' && foreign !== true) wanted.set(digest, { digest, size });
  const missing: WantedBlob[] = [];
  for (const blob of wanted.values()) if ((await findStoredBlob(deps, blob.digest)) === undefined) missing.push(blob);
  return { wanted: [...wanted.values()], missing };
}

function sizeOf(blobs: readonly WantedBlob[]): number {
  return blobs.reduce((sum, { size = 0 }) => sum + size, 0);
}

/** Publishes progress twice a second while blobs are missing. */
function reportProgress(
  { index, fills, log }: FetchBlobsDeps,
  job: JobPayload<'prewarm-blobs'>,
  { wanted, missing }: { readonly wanted: readonly WantedBlob[]; readonly missing: readonly WantedBlob[] },
) {
  const left = new Map(missing.map((blob) => [blob.digest, blob]));
  const topic = prewarmTopic(job, job.digest);

  function progress(): PrewarmProgress {
    let bytesInFlight = 0;
    for (const fill of fills.all()) if (left.has(fill.digest)) bytesInFlight += fill.presentBytes;
    const bytes = sizeOf(wanted);
    const blobsHere = wanted.length - left.size;
    return { blobs: wanted.length, blobsHere, bytes, bytesHere: bytes - sizeOf([...left.values()]) + bytesInFlight };
  }

  function report(): void {
    index.pubsub
      .publish(topic, JSON.stringify(progress()))
      .catch((error: unknown) => log.debug({ err: error }, 'failed to publish prewarm progress'));
  }

  if (missing.length > 0) report();
  const timer = missing.length > 0 ? setInterval(report, reportEveryMs) : undefined;
  return {
    stored: ({ digest }: WantedBlob) => void left.delete(digest),
    end: () => clearInterval(timer),
  };
}

export function prewarmTopic(key: RepositoryKey, digest: Digest): string {
  return `prewarm ${repositoryPath(key)}@${digest}`;
}

/** Returns `undefined` if the message is not valid JSON. */
export function parsePrewarmProgress(message: string | undefined): PrewarmProgress | undefined {
  try {
    return message === undefined ? undefined : (JSON.parse(message) as PrewarmProgress);
  } catch {
    return undefined;
  }
}

/**
 * Returns true if the image is marked as prewarmed for these platforms. Without the mark each layer would be checked
 * every minute. If the mark is lost, one such check runs. If a layer was removed after the image was marked, the next
 * pull of that layer is a miss.
 */
export async function isPrewarmed(
  { index }: { readonly index: Pick<CacheIndex, 'values'> },
  image: JobPayload<'prewarm-blobs'>,
): Promise<boolean> {
  return (await index.values.get(markOf(image))) !== undefined;
}

function markOf({ digest, platforms, ...key }: JobPayload<'prewarm-blobs'>): string {
  return `prewarmed ${repositoryPath(key)}@${digest} ${platforms.toSorted().join(' ')}`;
}
