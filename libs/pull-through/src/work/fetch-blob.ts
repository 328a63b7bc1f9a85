// Job fetch-blob: takes the lease for a digest, runs the fill under it, and writes how it ended. A job whose lease
// somebody else holds, or whose blob is there already, ends as a no-op.
import { randomUUID } from 'node:crypto';
import type { BlobRecord, FillRecord, RepositoryKey } from '@cistern/cache-index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobContext, JobPayload } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';
import { type Fill, startFill } from '../fill/fill.ts';
import type { FillTable } from '../fill/fill-table.ts';
import { fillTopic } from '../fill/fill-topic.ts';
import { statBlob } from './stat-blob.ts';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

const leaseMs = 4_000;
const heartbeatMs = 1_000;
/** Long enough for those who wait to see it, short enough for the next request to try again. */
const keepFailureMs = 2_000;

export async function fetchBlob(
  deps: WorkDeps & { readonly fills: FillTable },
  job: JobPayload<'fetch-blob'>,
  context: JobContext,
): Promise<null> {
  const { index, log } = deps;
  const { digest } = job;
  const source: RepositoryKey = { upstream: job.upstream, repository: job.repository };
  const record = await index.fills.claim({
    digest,
    source,
    leaseMs,
    class: context.class,
    fillId: randomUUID(),
    owner: randomUUID(),
    address: deps.address,
    replaces: job.replaces,
  });
  if (record === undefined) return null;
  const announce = () => index.announcements.publish(fillTopic(digest));
  const stopHeartbeat = startHeartbeat(deps, record);
  const startedAtMs = deps.now();
  const { class: fillClass } = record;
  deps.metrics.fillsInFlight.inc({ class: fillClass });
  try {
    await announce();
    const blob =
      (await findStored(deps, source, digest, context.signal)) ?? (await runFill(deps, record, job, context, announce));
    await index.fills.done(digest, record.owner, blob);
    deps.metrics.fills.inc({ class: fillClass, result: 'done' });
  } catch (error) {
    deps.metrics.fills.inc({ class: fillClass, result: 'failed' });
    if (isCacheError(error, 'content-mismatch')) deps.metrics.contentMismatches.inc({ upstream: source.upstream });
    log.warn({ err: error, digest, ...source }, 'a fill failed');
    await forgetToldSize(deps, source, digest);
    await index.fills.failed(digest, record.owner, failureOf(error), keepFailureMs);
  } finally {
    stopHeartbeat();
    deps.metrics.fillsInFlight.dec({ class: fillClass });
    deps.metrics.fillDuration.observe({ class: fillClass }, (deps.now() - startedAtMs) / 1000);
    await announce();
  }
  return null;
}

/** Under the lease: somebody may have committed the blob since the asker looked. Its repository still has to hold it. */
async function findStored(
  deps: WorkDeps,
  source: RepositoryKey,
  digest: Digest,
  signal: AbortSignal,
): Promise<BlobRecord | undefined> {
  const stat = await deps.store.stat(digest);
  if (stat === undefined) return undefined;
  const link = await deps.index.links.get(source, digest);
  if (link === undefined) await statBlob(deps, { ...source, digest }, signal);
  const known = await deps.index.blobs.get(digest);
  return known ?? newRecord(digest, stat.size, false, deps.now());
}

async function runFill(
  deps: WorkDeps & { readonly fills: FillTable },
  record: FillRecord,
  job: JobPayload<'fetch-blob'>,
  context: JobContext,
  announce: () => Promise<void>,
): Promise<BlobRecord> {
  const { index, store, spools, log, maxWholeForRangeBytes } = deps;
  const { digest, source } = record;
  const link = await index.links.get(source, digest);
  const fill: Fill = startFill({
    fillId: record.fillId,
    digest,
    upstream: upstreamOf(deps, source.upstream),
    repository: source.repository,
    expectedSize: link?.size,
    from: job.from,
    toExclusive: job.toExclusive,
    maxWholeForRangeBytes,
    store,
    spools,
    log,
    signal: context.signal,
  });
  deps.fills.add(fill);
  try {
    const size = await fill.running;
    // Upstream has answered for this repository: that is what a link says.
    if (link === undefined) await index.links.put(source, [{ ...source, digest, kind: 'blob', size }]);
    await index.fills.running(digest, record.owner, size);
    await announce();
    await fill.ended;
    deps.metrics.fillBytes.inc(size);
    return newRecord(digest, size, true, deps.now());
  } finally {
    await fill.ended.catch(() => {});
    deps.fills.remove(fill);
  }
}

function newRecord(digest: Digest, size: number, verified: boolean, nowMs: number): BlobRecord {
  return { schema: 1, digest, size, state: 'present', verified, storedAtMs: nowMs, lastPulledAtMs: nowMs };
}

/** What upstream once told, and no manifest says, may be what was wrong: the next fetch must not be held to it. */
async function forgetToldSize({ index }: WorkDeps, source: RepositoryKey, digest: Digest): Promise<void> {
  const link = await index.links.get(source, digest);
  if (link === undefined || link.mediaType !== undefined) return;
  await index.links.put(source, [{ ...link, size: undefined }]);
}

/** An owner that cannot reach the index goes on: its fill is still the one that everybody reads. */
function startHeartbeat({ index, log }: WorkDeps, record: FillRecord): () => void {
  const timer = setInterval(() => {
    index.fills
      .heartbeat(record, leaseMs)
      .catch((error: unknown) => log.warn({ err: error }, 'no heartbeat for a fill'));
  }, heartbeatMs);
  return () => clearInterval(timer);
}

function failureOf(error: unknown): NonNullable<FillRecord['failure']> {
  const known =
    error instanceof CacheError
      ? error
      : new CacheError('store-unavailable', 'The blob could not be fetched; the log of the worker says why.', {
          retryable: true,
        });
  return { kind: known.kind, message: known.message, retryAfterMs: known.retryAfterMs };
}
