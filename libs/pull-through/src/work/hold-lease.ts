// Holds a worker's lease on a fill's record: sends heartbeats, and writes the fill's state into the record. An unavailable index
// does not stop a fill, because readers still use it.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobRecord, FillRecord } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { fillTopic, type RemoteFills } from '@cistern/fills';
import type { WorkDeps } from './work-deps.ts';

export type FillLease = ReturnType<typeof holdLease>;

export const leaseMs = 4_000;
const heartbeatMs = 1_000;

export interface LeaseEvents {
  /** Called when another worker has taken over the record. May be called more than once. */
  readonly onLost: () => void;
  /** Called when the index had lost the record and has it again. Other writes of the fill may be lost too. */
  readonly onRecreated: () => Promise<void>;
  /** Returns the checkpoint for the record, at each heartbeat. `undefined` leaves the last one in the record. */
  readonly checkpoint?: (() => string | undefined) | undefined;
}

interface LeaseDeps extends Pick<WorkDeps, 'index' | 'log' | 'now'> {
  /** Signs the record. Unset if no other node reads it. */
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

  /** The lease may have expired long ago, and another worker may have stored the blob since. Then this fill ends as done. */
  const endIfStored = async () => {
    const blob = await index.blobs.get(digest, { fresh: true });
    if (blob?.verified !== true || blob.state === 'deleting' || blob.storedAtMs < claimedAtMs) return false;
    return index.fills.done(digest, owner, blob);
  };

  /** Resolves to false if the record has another owner, or another fill has stored the blob. */
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

  /** Checks immediately whether another worker has taken over the record. True means that no worker has. Never rejects. */
  const look = async (): Promise<boolean> => {
    if (hasEnded) return false;
    return keep().catch((error: unknown) => {
      log.warn({ err: error, digest }, 'failed to send fill heartbeat');
      return false;
    });
  };
  const timer = setInterval(() => void look(), heartbeatMs);

  void announce();
  return {
    /** Records that followers can read. Never rejects: a heartbeat repeats a lost write. */
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
     * Records that the blob is stored. It waits for an unavailable index, because no other worker would record it. Rejects if the
     * index is still unavailable when `signal` is aborted. Does nothing if another worker has taken over the record.
     */
    async done(blob: BlobRecord, signal: AbortSignal): Promise<void> {
      await untilAvailable(signal, async () => {
        if (!(await index.fills.done(digest, owner, blob)) && (await keep()))
          await index.fills.done(digest, owner, blob);
      });
      hasEnded = true;
      await announce();
    },
    /** Records the failure; the record expires after `keepMs`. Never rejects: a record that cannot be written expires too. */
    async failed(failure: NonNullable<FillRecord['failure']>, keepMs: number): Promise<void> {
      hasEnded = true;
      try {
        await index.fills.failed(digest, owner, failure, keepMs);
      } catch (error) {
        log.warn({ err: error, digest }, 'failed to record fill failure');
      }
      await announce();
    },
    /** Lets the record expire immediately, as if there had been no claim. Never rejects. */
    async giveUp(): Promise<void> {
      hasEnded = true;
      await index.fills
        .heartbeat(record, 0)
        .catch((error: unknown) => log.warn({ err: error, digest }, 'failed to release fill lease'));
      await announce();
    },
    look,
    /** Stops the heartbeat. The holder calls it at the end. */
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
