// Fill records of a single process. They are in memory, because they need not outlive the process.
import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '@cistern/oci';
import type { FillIndex, FillRecord, Victim } from '../fills.ts';
import type { BlobRecord } from '../blobs.ts';

/** Blob records with synchronous methods, so that a fill record and its blob record can be written in one step. */
export interface BlobTable {
  get(digest: Digest): BlobRecord | undefined;
  /** Writes like `BlobIndex.put`. */
  put(record: BlobRecord): void;
  remove(digest: Digest): boolean;
  /** Sets the listener, which is called when a record has been put or removed. There is only one listener. */
  onReplaced(listener: (digest: Digest) => void): void;
}

/** Dependencies of the in-process parts of an index. */
export interface InProcessOptions {
  readonly now: () => number;
  /** Throws `index-unavailable` if the index cannot answer. */
  readonly checkAvailable: () => void;
}

export interface FillTableOptions extends InProcessOptions {
  readonly blobs: BlobTable;
  /**
   * How long a claim waits for the owner of a fill whose lease has expired. Needed only if processes share the table.
   * Default: 0, because in a single process the owner's heartbeat comes before any claim.
   */
  readonly settleMs?: number | undefined;
}

const recheckMs = 100;
const rememberedMs = 600_000;
const itemsPerTurn = 100;

export function createFillTable({ now, blobs, checkAvailable, settleMs = 0 }: FillTableOptions): FillIndex {
  const records = new Map<Digest, FillRecord>();
  /** The time when a claim first found that the lease of this record had expired. */
  const missedAtMs = new WeakMap<FillRecord, number>();
  const deletions = createDeletions({ now, blobs });

  function current(digest: Digest): FillRecord | undefined {
    checkAvailable();
    const record = records.get(digest);
    return record !== undefined && record.expiresAtMs > now() ? record : undefined;
  }

  /** Moves the record to the end of the map, so that expired records gather at its front. */
  function write(record: FillRecord): void {
    records.delete(record.digest);
    records.set(record.digest, record);
  }

  function forgetExpired(): void {
    for (const [digest, { expiresAtMs }] of records) {
      if (expiresAtMs + rememberedMs > now()) return;
      records.delete(digest);
    }
  }

  /**
   * Returns how long a claim must still wait for the owner of a fill whose lease has expired. The owner may be alive,
   * because the index may have been unavailable.
   */
  function returnsInMs(digest: Digest, replaces: number): number {
    const record = records.get(digest);
    if (record === undefined || record.expiresAtMs > now()) return 0;
    if (hasEnded(record) || record.generation <= replaces) return 0;
    if (!missedAtMs.has(record)) missedAtMs.set(record, now());
    return Math.max(0, (missedAtMs.get(record) ?? 0) + settleMs - now());
  }

  return {
    async read(digest) {
      return current(digest);
    },

    async claim({ replaces, leaseMs, ...claim }) {
      const previous = current(claim.digest);
      if (previous !== undefined && !hasEnded(previous) && previous.generation > replaces) return undefined;
      const unsettledForMs = returnsInMs(claim.digest, replaces) || deletions.endInMs(claim.digest);
      if (unsettledForMs > 0) return { unsettledForMs };
      const last = records.get(claim.digest);
      const lastGeneration = last?.generation ?? 0;
      const checkpoint = last === undefined || hasEnded(last) ? undefined : last.checkpoint;
      forgetExpired();
      const record: FillRecord = {
        ...claim,
        schema: 1,
        // Never reuses a generation. Otherwise a job that replaces a fill whose record has expired could take over a
        // newer fill of the same generation.
        generation: Math.max(replaces + 1, lastGeneration + 1, now()),
        state: 'starting',
        ...(checkpoint !== undefined && { checkpoint }),
        expiresAtMs: now() + leaseMs,
      };
      write(record);
      return record;
    },

    async running(digest, owner, size, { protocol, signature, checkpoint } = {}) {
      const record = current(digest);
      if (record?.owner !== owner || hasEnded(record)) return false;
      const signed = { ...(protocol !== undefined && { protocol }), ...(signature !== undefined && { signature }) };
      write({ ...record, state: 'running', size, ...signed, ...(checkpoint !== undefined && { checkpoint }) });
      return true;
    },

    async heartbeat(given, leaseMs) {
      const record = current(given.digest);
      if (leaseMs === 0 && (record === undefined || (record.owner === given.owner && !hasEnded(record)))) {
        records.delete(given.digest);
        return record === undefined ? 'recreated' : 'kept';
      }
      if (record === undefined) {
        write({ ...given, expiresAtMs: now() + leaseMs });
        return 'recreated';
      }
      if (record.owner !== given.owner) return 'lost';
      if (!hasEnded(record)) write({ ...record, expiresAtMs: now() + leaseMs });
      return 'kept';
    },

    async done(digest, owner, blob) {
      const record = current(digest);
      if (record?.owner !== owner || record.state === 'failed') return false;
      if (record.state === 'done') return true;
      blobs.put(blob);
      write({ ...record, state: 'done', size: blob.size });
      return true;
    },

    async failed(digest, owner, failure, keepMs) {
      const record = current(digest);
      if (record?.owner !== owner || record.state === 'done') return false;
      write({ ...record, state: 'failed', failure, expiresAtMs: now() + keepMs });
      return true;
    },

    async beginDeletions(victims, owner, leaseMs) {
      const begun = await filterInTurns(victims, (victim) => {
        const record = current(victim.digest);
        return (record === undefined || hasEnded(record)) && deletions.begin(victim, owner, leaseMs);
      });
      return begun.map(({ digest }) => digest);
    },

    async endDeletions(digests, owner, end) {
      return filterInTurns(digests, (digest) => {
        checkAvailable();
        return deletions.end(digest, owner, end);
      });
    },
  };
}

/**
 * Filters items and yields between batches, because a thousand writes in a row would block the event loop for about 20
 * ms.
 */
async function filterInTurns<T>(items: readonly T[], isWanted: (item: T) => boolean): Promise<T[]> {
  const wanted: T[] = [];
  for (const [at, item] of items.entries()) {
    if (at > 0 && at % itemsPerTurn === 0) await turn();
    if (isWanted(item)) wanted.push(item);
  }
  return wanted;
}

function hasEnded(record: FillRecord): boolean {
  return record.state === 'done' || record.state === 'failed';
}

/**
 * Deletions of a single process. Each method is atomic, because it is synchronous. A digest has at most one deletion at
 * a time. The caller begins no deletion while a fill fetches the digest.
 */
function createDeletions({ now, blobs }: Pick<FillTableOptions, 'now' | 'blobs'>) {
  const deletions = new Map<Digest, { readonly owner: string; readonly untilMs: number }>();

  // When the record is put or removed, the deletion ends and must not change the new record.
  blobs.onReplaced((digest) => deletions.delete(digest));

  return {
    begin({ digest, lastPulledAtMs }: Victim, owner: string, leaseMs: number): boolean {
      const blob = blobs.get(digest);
      if (blob === undefined) return false;
      if (blob.state === 'present' && blob.lastPulledAtMs > lastPulledAtMs) return false;
      const deletion = deletions.get(digest);
      if (deletion !== undefined && deletion.owner !== owner && deletion.untilMs > now()) return false;
      blobs.put({ ...blob, state: 'deleting' });
      deletions.set(digest, { owner, untilMs: now() + leaseMs });
      return true;
    },
    end(digest: Digest, owner: string, end: 'gone' | 'kept'): boolean {
      if (deletions.get(digest)?.owner !== owner) return false;
      if (end === 'gone') return blobs.remove(digest);
      const blob = blobs.get(digest);
      if (blob !== undefined) blobs.put({ ...blob, state: 'present' });
      return blob !== undefined;
    },
    /** Returns how long a claim waits before it checks again. 0 means that the blob is not being deleted. */
    endInMs(digest: Digest): number {
      const { untilMs = 0 } = deletions.get(digest) ?? {};
      return Math.max(0, Math.min(recheckMs, untilMs - now()));
    },
  };
}
