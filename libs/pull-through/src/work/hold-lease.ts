// A worker's hold on a fill's record: heartbeats, and what is written into the record while and when the fill runs. An
// index that cannot be reached does not stop a fill: it is still the one that everybody reads.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobRecord, FillRecord } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { fillTopic, type RemoteFills } from '@cistern/fills';
import type { WorkDeps } from './work-deps.ts';

export type FillLease = ReturnType<typeof holdLease>;

export const leaseMs = 4_000;
const heartbeatMs = 1_000;

export interface LeaseEvents {
  /** Somebody else has taken the record over. It may be called more than once. */
  readonly onLost: () => void;
  /** The index had lost the record and has it back: what else the fill has written there may be lost too. */
  readonly onRecreated: () => Promise<void>;
  /** For the record, with each heartbeat; `undefined`: it keeps the one that it has. */
  readonly checkpoint?: (() => string | undefined) | undefined;
}

interface LeaseDeps extends Pick<WorkDeps, 'index' | 'log' | 'now'> {
  /** Signs the record; unset where no other node reads it. */
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
      .catch((error: unknown) => log.warn({ err: error, digest }, 'a change of a fill could not be announced'));

  /** The lease may have ended long ago, and others have fetched the blob since: there is nothing to go on with then. */
  const endAsOthersDid = async () => {
    const blob = await index.blobs.get(digest, { fresh: true });
    if (blob?.verified !== true || blob.state === 'deleting' || blob.storedAtMs < claimedAtMs) return false;
    return index.fills.done(digest, owner, blob);
  };

  /** False if the record has another owner, or the blob has been brought by another. */
  const keep = async () => {
    record = { ...record, checkpoint: checkpoint?.() ?? record.checkpoint };
    const kept = await index.fills.heartbeat(record, leaseMs);
    if (kept === 'recreated') {
      const isOver = await endAsOthersDid();
      if (isOver) onLost();
      else await onRecreated();
      await announce();
      return !isOver;
    }
    if (kept === 'kept' && record.size !== undefined) await index.fills.running(digest, owner, record.size, record);
    if (kept === 'lost') onLost();
    return kept !== 'lost';
  };

  /** Looks at once whether another worker has taken the record over. True: it is known that none has. Never rejects. */
  const look = async (): Promise<boolean> => {
    if (hasEnded) return false;
    return keep().catch((error: unknown) => {
      log.warn({ err: error, digest }, 'no heartbeat for a fill');
      return false;
    });
  };
  const timer = setInterval(() => void look(), heartbeatMs);

  void announce();
  return {
    /** Followers can read. Never rejects: a write that is lost is made up for by a heartbeat. */
    async running(size: number): Promise<void> {
      record = { ...record, state: 'running', size, ...remoteFills?.sign({ ...record, size }) };
      try {
        if (!(await index.fills.running(digest, owner, size, record))) await keep();
      } catch (error) {
        log.warn({ err: error, digest }, 'the record of a fill could not be written yet');
      }
      await announce();
    },
    /**
     * Waits for an index that cannot be reached: the blob is in the store, and no other worker would write that down. Rejects if it
     * is still unavailable when `signal` is aborted; does nothing if another worker has taken the record over.
     */
    async done(blob: BlobRecord, signal: AbortSignal): Promise<void> {
      await whenReached(signal, async () => {
        if (!(await index.fills.done(digest, owner, blob)) && (await keep()))
          await index.fills.done(digest, owner, blob);
      });
      hasEnded = true;
      await announce();
    },
    /** The record goes after `keepMs`. Never rejects: a record that cannot be written expires. */
    async failed(failure: NonNullable<FillRecord['failure']>, keepMs: number): Promise<void> {
      hasEnded = true;
      try {
        await index.fills.failed(digest, owner, failure, keepMs);
      } catch (error) {
        log.warn({ err: error, digest }, 'the failure of a fill could not be recorded');
      }
      await announce();
    },
    /** The record goes at once, as if there had been no claim. Never rejects, as above. */
    async giveUp(): Promise<void> {
      hasEnded = true;
      await index.fills
        .heartbeat(record, 0)
        .catch((error: unknown) => log.warn({ err: error, digest }, 'the lease of a fill could not be given up'));
      await announce();
    },
    look,
    /** Stops the heartbeat; for the holder to call, at the end. */
    release(): void {
      hasEnded = true;
      clearInterval(timer);
    },
  };
}

async function whenReached(signal: AbortSignal, write: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (signal.aborted || !isCacheError(error, 'index-unavailable')) throw error;
      await delay(heartbeatMs, undefined, { signal }).catch(() => {});
    }
  }
}
