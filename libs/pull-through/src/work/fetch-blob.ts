// Runs the fetch-blob job: takes the lease for a digest, runs the fill under it, and records the outcome. If another job has the
// lease, this job does nothing. If the blob is stored, this job only confirms that the repository holds it.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { BlobRecord, FillClaim, FillIndex, FillRecord, RepositoryKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobPayload } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';
import {
  confirmLink,
  findStoredBlob,
  ifConfirmed,
  ifStoreAvailable,
  recordHeld,
  verifiedRecord,
} from '@cistern/content';
import {
  type ConnectionControl,
  type Fill,
  startFill,
  type Checkpoint,
  type FillTable,
  type OpenSavableHash,
  continueFill,
  leftFill,
  type RemoteFills,
} from '@cistern/fills';
import { SourceInterrupted } from '@cistern/streams';
import { type FillLease, holdLease, leaseMs } from './hold-lease.ts';
import type { FillContext } from './park-fills.ts';
import { statBlob } from './stat-blob.ts';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

export interface FetchBlobDeps extends WorkDeps {
  readonly fills: FillTable;
  /** Where fills store their blobs; default: `store`. */
  readonly fillStore?: BlobStore | undefined;
  /** Reads the fills of other workers. Unset means that there are no other workers. */
  readonly remoteFills?: RemoteFills | undefined;
  /** Hashes blobs larger than the spool space of their fill. Unset means that another worker restarts such a blob at byte 0. */
  readonly openHash?: OpenSavableHash | undefined;
  /** Distributes the connections to a host among its fills. Unset means that each fill uses one connection. */
  readonly connections?: ConnectionControl | undefined;
}

const continuedElsewhere = new CacheError('overloaded', 'This worker cannot continue the fill.', { isLocal: true });
/** Keeps the record of a failed fill for its waiting readers. The time is short, so that a later request tries again. */
const keepFailureMs = 2_000;
/** No fill frees its job slot early while this worker has more fills than this, because each fill still has an open file. */
const maxAside = 500;
const lookForReadersMs = 1_000;
/** A fill is unread after this many checks without a reader. One is not enough, because a client may be reconnecting. */
const unreadLooks = 3;

export async function fetchBlob(
  deps: FetchBlobDeps,
  job: JobPayload<'fetch-blob'>,
  context: FillContext,
): Promise<null> {
  const { index, metrics, log } = deps;
  const { digest, upstream, repository } = job;
  const source: RepositoryKey = { upstream, repository };
  const replaced = job.replaces > 0 ? await findReplaced(deps, job) : undefined;
  /** True if the record is from another release, or forged. Then this job copies no bytes, and ends while its lease holds. */
  const isForeign = replaced !== undefined && deps.remoteFills?.canRead(replaced) === false;
  const own = replaced && deps.fills.get(replaced.fillId);
  // If a reader cannot reach the fill of this worker, or this worker made the fill fail, another worker has to continue it.
  if (own?.isOpen === true) return null;
  if (own !== undefined && (await context.handsOver?.(continuedElsewhere)) !== undefined) throw continuedElsewhere;
  const predecessor = isForeign || replaced?.address === deps.address ? undefined : replaced;
  const claim: FillClaim = {
    digest,
    source,
    leaseMs,
    class: context.class,
    fillId: randomUUID(),
    owner: randomUUID(),
    address: deps.address,
    replaces: isForeign ? 0 : job.replaces,
  };
  const record = await claimSettled(index.fills, claim, context.signal);
  if (record === undefined) return null;
  let fill: Fill | undefined;
  let watching: NodeJS.Timeout | undefined;
  const lease = holdLease(deps, record, {
    onLost: () => fill?.handOver(),
    onRecreated: async () => {
      if (fill?.size !== undefined) await recordLink(deps, source, digest, fill.size);
    },
    checkpoint: () => fill?.checkpoint && deps.remoteFills?.signCheckpoint(digest, fill.checkpoint),
  });
  const startedAtMs = deps.now();
  const labels = { class: record.class };
  metrics.fillsInFlight.inc(labels);
  try {
    let end: BlobRecord | 'left' | 'moved' | undefined = await findStored(deps, source, digest, context.signal);
    if (end === undefined) {
      fill = await prepareFill(deps, record, job, context, { predecessor, lease });
      deps.fills.add({ fill, source, class: record.class, startedAtMs });
      watching = freeSlotWhenUnread(deps, fill, context);
      end = await runFill(deps, fill, source, lease);
    }
    if (end === 'left') await lease.failed(leftFill, 1);
    else if (end !== 'moved') {
      await lease.done(end, context.signal);
      fill?.release();
      // If this write fails, the upstream only gets one more request after a loss of the index. So the job does not fail.
      if (fill !== undefined)
        await recordHeld(deps, source, digest).catch((error: unknown) => {
          log.warn({ err: error, digest, ...source }, 'failed to write repository link to store');
        });
    }
    metrics.fills.inc({ ...labels, result: end === 'moved' ? 'moved' : 'done' });
  } catch (error) {
    const isMoving = deps.remoteFills !== undefined && fill?.size === undefined;
    if (isMoving && (context.signal.aborted || (await context.handsOver?.(error)) !== undefined)) {
      // No reader has received a byte. So another worker can run the fill from the beginning, while the readers wait.
      metrics.fills.inc({ ...labels, result: 'moved' });
      await lease.giveUp();
      throw context.signal.aborted ? context.signal.reason : error;
    }
    if (error instanceof SourceInterrupted) {
      // Another worker took the fill over before this worker knew the size of the blob.
      metrics.fills.inc({ ...labels, result: 'moved' });
      return null;
    }
    metrics.fills.inc({ ...labels, result: 'failed' });
    log.warn({ err: error, digest, ...source }, 'fill failed');
    if (isCacheError(error, 'content-mismatch')) metrics.contentMismatches.inc({ upstream });
    // Remove a wrong size first, because readers may repeat their request immediately. A lack of space does not make it wrong.
    if (!isCacheError(error, 'too-large', 'store-unavailable')) await forgetSize(deps, source, digest);
    await lease.failed(failureOf(error), keepFailureMs);
  } finally {
    clearInterval(watching);
    lease.release();
    if (fill !== undefined) deps.fills.remove(fill);
    metrics.fillsInFlight.dec(labels);
    metrics.fillDuration.observe(labels, (deps.now() - startedAtMs) / 1000);
  }
  return null;
}

/** Claims the lease. After a loss of the index's data it waits until owners of running fills have restored their records. */
async function claimSettled(fills: FillIndex, claim: FillClaim, signal: AbortSignal): Promise<FillRecord | undefined> {
  for (;;) {
    const answer = await fills.claim(claim);
    if (answer === undefined || !('unsettledForMs' in answer)) return answer;
    await delay(answer.unsettledForMs, undefined, { signal });
  }
}

/** Finds the fill that this job replaces. The worker of that fill may have some of the bytes, or may still run. */
async function findReplaced(
  { index }: WorkDeps,
  { digest, replaces }: JobPayload<'fetch-blob'>,
): Promise<FillRecord | undefined> {
  const record = await index.fills.read(digest);
  return record?.state === 'running' && record.generation <= replaces ? record : undefined;
}

/** Finds a blob that another job stored before this job got the lease. Rejects if the repository does not hold the blob. */
async function findStored(
  deps: WorkDeps,
  source: RepositoryKey,
  digest: Digest,
  signal: AbortSignal,
): Promise<BlobRecord | undefined> {
  const stat = await ifStoreAvailable(deps.log, () => deps.store.stat(digest));
  if (stat === undefined) return undefined;
  const known = await deps.index.blobs.get(digest, { fresh: true });
  // This job has the lease, so the process that was deleting the blob has died.
  const stored = known?.state === 'deleting' ? known : await findStoredBlob(deps, digest);
  // Without a record of the same size, the stored object may be incomplete. The fill replaces it.
  if (stored?.size !== stat.size) return undefined;
  await assertHeld(deps, source, digest, signal);
  return { ...stored, state: 'present' };
}

/** Rejects unless a confirmed link or the upstream shows that the repository holds the blob. A manifest is not enough. */
async function assertHeld(deps: WorkDeps, source: RepositoryKey, digest: Digest, signal: AbortSignal): Promise<void> {
  const link = await deps.index.links.get(source, digest);
  const confirmed = link && (await ifStoreAvailable(deps.log, () => ifConfirmed(deps, link)));
  if (confirmed === undefined) await statBlob(deps, { ...source, digest }, signal);
}

async function prepareFill(
  deps: FetchBlobDeps,
  record: FillRecord,
  { from, toExclusive }: JobPayload<'fetch-blob'>,
  context: FillContext,
  { predecessor, lease }: { readonly predecessor: FillRecord | undefined; readonly lease: FillLease },
): Promise<Fill> {
  const { fillId, digest, source } = record;
  const { index, fillStore: store = deps.store, spools, log, maxWholeForRangeBytes, remoteFills } = deps;
  const upstream = upstreamOf(deps, source.upstream);
  const expectedSize = (await index.links.get(source, digest))?.size;
  const { signal } = context;
  const options = {
    fillId,
    digest,
    upstream,
    repository: source.repository,
    expectedSize,
    from,
    toExclusive,
    maxWholeForRangeBytes,
    store,
    spools,
    log,
    signal,
    connect:
      deps.connections &&
      ((host: string) =>
        deps.connections!.enter(host, {
          max: upstream.connectionsPerBlob,
          mayProbe: () => (deps.fills.get(fillId)?.readers ?? 0) > 0,
        })),
    onRefused: () => freeSlot(deps, context),
    onSideBytes: (bytes: number) => deps.metrics.fillSideBytes.inc(bytes),
    handsOver: async (error: unknown) => (await context.handsOver?.(error)) !== undefined,
    lookForSuccessor: remoteFills && lease.check,
    openHash: remoteFills && deps.openHash,
  };
  const checkpoint = checkpointOf(deps, record, expectedSize);
  const takenOverSize = predecessor?.size ?? checkpoint?.size;
  if (takenOverSize === undefined || remoteFills === undefined) return startFill(options);
  log.info({ digest, ...source, from: predecessor?.address }, 'taking over fill from another worker');
  await assertHeld(deps, source, digest, signal);
  const continued = predecessor && continueFill(upstream, remoteFills, predecessor, takenOverSize, log);
  return startFill({ ...options, upstream: continued ?? upstream, takenOverSize, checkpoint });
}

function checkpointOf(
  { remoteFills, log }: FetchBlobDeps,
  { digest, checkpoint: signed }: FillRecord,
  expectedSize: number | undefined,
): Checkpoint | undefined {
  if (signed === undefined) return undefined;
  const checkpoint = remoteFills?.verifyCheckpoint(digest, signed);
  if (checkpoint === undefined)
    log.warn({ digest, setting: 'cluster.secretfile' }, 'fill checkpoint signature invalid, cluster secret may differ');
  return expectedSize === undefined || checkpoint?.size === expectedSize ? checkpoint : undefined;
}

function freeSlot({ fills }: FetchBlobDeps, context: FillContext): void {
  if (fills.size <= maxAside) context.freeSlot?.();
}

/** Frees the job slot of an unread interactive fill, so that another fetch gets the slot. The caller clears the interval. */
function freeSlotWhenUnread(deps: FetchBlobDeps, fill: Fill, context: FillContext): NodeJS.Timeout | undefined {
  if (context.freeSlot === undefined || context.class === 'background') return undefined;
  let unread = 0;
  return setInterval(() => {
    unread = fill.size === undefined || fill.readers > 0 ? 0 : unread + 1;
    if (unread >= unreadLooks) freeSlot(deps, context);
  }, lookForReadersMs);
}

async function recordLink(deps: WorkDeps, source: RepositoryKey, digest: Digest, size: number): Promise<void> {
  await confirmLink(deps, source, digest, { size, mayRestore: false }).catch((error: unknown) => {
    deps.log.warn({ err: error, digest, ...source }, 'failed to record repository link');
  });
}

async function runFill(
  deps: FetchBlobDeps,
  fill: Fill,
  source: RepositoryKey,
  lease: FillLease,
): Promise<BlobRecord | 'left' | 'moved'> {
  const { digest } = fill;
  const size = await fill.running;
  await Promise.all([lease.running(size), recordLink(deps, source, digest, size)]);
  const end = await fill.ended;
  if (end !== 'committed') return end;
  deps.metrics.fillBytes.inc(size);
  return verifiedRecord(digest, size, deps.now(), fill.table);
}

/** Removes a size that only the upstream reported, not a manifest. It may be wrong, and the next fetch must not enforce it. */
async function forgetSize({ index, log }: WorkDeps, source: RepositoryKey, digest: Digest): Promise<void> {
  try {
    const link = await index.links.get(source, digest);
    if (link === undefined || link.mediaType !== undefined) return;
    await index.links.put(source, [{ ...link, size: undefined }]);
  } catch (error) {
    log.warn({ err: error, digest, ...source }, 'failed to remove blob size');
  }
}

function failureOf(error: unknown): NonNullable<FillRecord['failure']> {
  const known =
    error instanceof CacheError
      ? error
      : new CacheError('store-unavailable', 'The worker failed to fetch the blob. Its log has the reason.', {
          retryable: true,
        });
  return { kind: known.kind, message: known.message, retryAfterMs: known.retryAfterMs };
}
