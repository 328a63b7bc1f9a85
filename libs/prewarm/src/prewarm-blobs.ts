// Job prewarm-blobs: everything that an image consists of into the store (decision 0023).
import type { JobPayload, JobResult, PrewarmedBlobs } from '@cistern/jobs';
import { isCacheError } from '@cistern/errors';
import type { Digest, Manifest } from '@cistern/oci';
import { findStoredBlob } from '@cistern/content';
import { failureKindOf } from '@cistern/pull-through';
import type { ChoosePlatforms } from './choose-platforms.ts';
import { type FetchBlobsDeps, fetchBlobs, type WantedBlob } from './fetch-blobs.ts';
import { fetchManifests } from './fetch-manifests.ts';
import { markPrewarmed } from './prewarmed-marks.ts';
import { type PrewarmProgress, prewarmTopic } from './prewarm-progress.ts';

export interface PrewarmBlobsDeps extends FetchBlobsDeps {
  readonly choosePlatforms: ChoosePlatforms;
}

const tellEveryMs = 500;

/** A failure is part of the result: what is scheduled comes again by itself. Rejects only when `signal` is aborted. */
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
    const telling = tellProgress(deps, job, { wanted, missing });
    try {
      await fetchBlobs(deps, key, missing, {
        signal,
        onStored(blob) {
          telling.stored(blob);
          metrics.prewarmedBytes.inc({ upstream }, blob.size ?? 0);
          const { fetchedBlobs, fetchedBytes } = fetched;
          fetched = { ...fetched, fetchedBlobs: fetchedBlobs + 1, fetchedBytes: fetchedBytes + (blob.size ?? 0) };
        },
      });
    } finally {
      telling.end();
    }
    await markPrewarmed(deps, job);
    metrics.prewarmedImages.inc({ upstream, result: 'done' });
    if (missing.length > 0)
      log.info({ ...key, digest, ...fetched }, 'an image was fetched before anybody asked for it');
    return fetched;
  } catch (error) {
    if (signal.aborted) throw error;
    if (!isCacheError(error)) log.error({ err: error, ...key, digest }, 'an image could not be fetched early');
    else log.warn({ err: error, ...key, digest }, 'an image could not be fetched early');
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

/** Twice a second, as long as something is missing. */
function tellProgress(
  { index, fills, log }: FetchBlobsDeps,
  job: JobPayload<'prewarm-blobs'>,
  { wanted, missing }: { readonly wanted: readonly WantedBlob[]; readonly missing: readonly WantedBlob[] },
) {
  const left = new Map(missing.map((blob) => [blob.digest, blob]));
  const topic = prewarmTopic(job, job.digest);

  function progress(): PrewarmProgress {
    let onTheWay = 0;
    for (const fill of fills.all()) if (left.has(fill.digest)) onTheWay += fill.presentBytes;
    const bytes = sizeOf(wanted);
    const blobsHere = wanted.length - left.size;
    return { blobs: wanted.length, blobsHere, bytes, bytesHere: bytes - sizeOf([...left.values()]) + onTheWay };
  }

  function tell(): void {
    index.pubsub
      .publish(topic, JSON.stringify(progress()))
      .catch((error: unknown) => log.debug({ err: error }, 'how far a prewarming is could not be told'));
  }

  if (missing.length > 0) tell();
  const timer = missing.length > 0 ? setInterval(tell, tellEveryMs) : undefined;
  return {
    stored: ({ digest }: WantedBlob) => void left.delete(digest),
    end: () => clearInterval(timer),
  };
}
