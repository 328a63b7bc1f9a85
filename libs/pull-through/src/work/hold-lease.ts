// Holds a worker's lease on a fill's record: sends heartbeats, and writes the fill's state into the record. A fill continues
// while the index is unavailable, because readers still use the fill.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobRecord, FillRecord } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { fillTopic, type RemoteFills } from '@cistern/fills';
import type { WorkDeps } from './work-deps.ts';

export type FillLease = ReturnType<typeof holdLease>;

export const leaseMs = 4_000;
const heartbeatMs = 1_000;

export interface LeaseEvents {
  /** Called when another worker has taken over the record or has stored the blob. It may be called more than once. */
  readonly onLost: () => void;
  /**
   * Called when a heartbeat has restored the record, because the index had lost it. The index may have lost other writes of the
   * fill too.
   */
  readonly onRecreated: () => Promise<void>;
  /** Returns the checkpoint for the record, at each heartbeat. `undefined` leaves the last one in the record. */
  readonly checkpoint?: (() => string | undefined) | undefined;
}

interface LeaseDeps extends Pick<WorkDeps, 'index' | 'log' | 'now'> {
  /** Signs the record. Unset means that no other node reads the record. */
  readonly remoteFills?: Pick<RemoteFills, 'sign'> | undefined;
}

export function holdLease(
  { index, log, now, remoteFills }: LeaseDeps,
  claimed: FillRecord,
  { onLost, onRecreated, checkpoint }: LeaseEvents,
) {
  const { digest, owner } = claimed;
  const claimedAtMs = now();
  let record = claimed;
  let hasEnded = false;

  const announce = () =>
    index.pubsub
      .publish(fillTopic(digest))
      .catch((error: unknown) => log.warn({ err: error, digest }, 'failed to announce fill change'));

  /** Ends this fill as done if another worker has stored the blob. That is possible if the lease expired long ago. */
  const endIfStored = async () => {
    const blob = await index.blobs.get(digest, { fresh: true });
    if (blob?.verified !== true || blob.state === 'deleting' || blob.storedAtMs < claimedAtMs) return false;
    return index.fills.done(digest, owner, blob);
  };

  /** Sends a heartbeat. Resolves to false if the record has another owner, or another fill has stored the blob. */
  const keep = async () => {
    record = { ...record, checkpoint: checkpoint?.() ?? record.checkpoint };
    const kept = await index.fills.heartbeat(record, leaseMs);
    if (kept === 'recreated') {
      const isStored = await endIfStored();
      if (isStored) onLost();
      else await onRecreated();
      await announce();
      return !isStored;
    }
    if (kept === 'kept' && record.size !== undefined) await index.fills.running(digest, owner, record.size, record);
    if (kept === 'lost') onLost();
    return kept !== 'lost';
  };

  /**
   * Checks immediately whether this worker still owns the record. Resolves to false if it does not, or if the check fails.
   * Never rejects.
   */
  const check = async (): Promise<boolean> => {
    if (hasEnded) return false;
    return keep().catch((error: unknown) => {
      log.warn({ err: error, digest }, 'failed to send fill heartbeat');
      return false;
    });
  };
  const timer = setInterval(() => void check(), heartbeatMs);

  void announce();
  return {
    /** Records the size, from which on followers can read. Never rejects, because a heartbeat repeats a failed write. */
    async running(size: number): Promise<void> {
      record = { ...record, state: 'running', size, ...remoteFills?.sign({ ...record, size }) };
      try {
        if (!(await index.fills.running(digest, owner, size, record))) await keep();
      } catch (error) {
        log.warn({ err: error, digest }, 'failed to write fill record, retrying with heartbeat');
      }
      await announce();
    },
    /**
     * Records that the blob is stored. It waits while the index is unavailable, because no other worker would record the blob.
     * Rejects if the index is still unavailable when `signal` is aborted. Does nothing if another worker has taken over the
     * record.
     */
    async done(blob: BlobRecord, signal: AbortSignal): Promise<void> {
      await untilAvailable(signal, async () => {
        if (!(await index.fills.done(digest, owner, blob)) && (await keep()))
          await index.fills.done(digest, owner, blob);
      });
      hasEnded = true;
      await announce();
    },
    /**
     * Records the failure. The record then expires after `keepMs`. Never rejects, because a record whose write fails expires
     * too.
     */
    async failed(failure: NonNullable<FillRecord['failure']>, keepMs: number): Promise<void> {
      hasEnded = true;
      try {
        await index.fills.failed(digest, owner, failure, keepMs);
      } catch (error) {
        log.warn({ err: error, digest }, 'failed to record fill failure');
      }
      await announce();
    },
    /** Lets the record expire immediately, so that another worker can claim the digest. Never rejects. */
    async giveUp(): Promise<void> {
      hasEnded = true;
      await index.fills
        .heartbeat(record, 0)
        .catch((error: unknown) => log.warn({ err: error, digest }, 'failed to release fill lease'));
      await announce();
    },
    check,
    /** Stops the heartbeat. The owner of the lease calls it when the fill has ended. */
    release(): void {
      hasEnded = true;
      clearInterval(timer);
    },
  };
}

async function untilAvailable(signal: AbortSignal, write: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (signal.aborted || !isCacheError(error, 'index-unavailable')) throw error;
      await delay(heartbeatMs, undefined, { signal }).catch(() => {});
    }
  }
}
