// Fill records of a single process: nothing that lives only as long as a fill needs to outlive the process.
import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '@cistern/oci';
import type { FillIndex, FillRecord, Victim } from '../fills.ts';
import type { BlobRecord } from '../blobs.ts';

/** Blob records as synchronous steps: a fill and its blob are written together. */
export interface BlobTable {
  get(digest: Digest): BlobRecord | undefined;
  /** As `BlobIndex.put`. */
  put(record: BlobRecord): void;
  remove(digest: Digest): boolean;
  /** `listener` is called, instead of the one before, when a record has been put or removed. */
  onReplaced(listener: (digest: Digest) => void): void;
}

/** Dependencies of the in-process parts of an index. */
export interface InProcessOptions {
  readonly now: () => number;
  /** Throws `index-unavailable` when the index cannot answer. */
  readonly checkAvailable: () => void;
}

export interface FillTableOptions extends InProcessOptions {
  readonly blobs: BlobTable;
  /**
   * How long a claim waits for the owner of a fill whose lease ran out, where processes share the table. Default 0: in a single
   * process the owner's heartbeat comes before any claim.
   */
  readonly settleMs?: number | undefined;
}

const lookAgainMs = 100;
const rememberedMs = 600_000;
const itemsPerTurn = 100;

export function createFillTable({ now, blobs, checkAvailable, settleMs = 0 }: FillTableOptions): FillIndex {
  const records = new Map<Digest, FillRecord>();
  /** When a claim first found that the lease of this record had run out. */
  const missedAtMs = new WeakMap<FillRecord, number>();
  const deletions = createDeletions({ now, blobs });

  function current(digest: Digest): FillRecord | undefined {
    checkAvailable();
    const record = records.get(digest);
    return record !== undefined && record.expiresAtMs > now() ? record : undefined;
  }

  /** Last written, last in the map: the expired ones gather at its front. */
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

  /** How long the owner of a fill whose lease ran out may still put its record back: the index may have been down. */
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
        // Never one that was before: a job that replaces a fill whose record has expired would take over the next one.
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

/** A thousand writes at once would stop the event loop for some twenty milliseconds. */
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

/** Deletions of a single process, each method one step: one deletion of a digest at a time, while no fill fetches it. */
function createDeletions({ now, blobs }: Pick<FillTableOptions, 'now' | 'blobs'>) {
  const deletions = new Map<Digest, { readonly owner: string; readonly untilMs: number }>();

  // A record that was put or removed since then is no longer the deletion's to end.
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
    /** When to look again; 0: the blob is not being deleted. */
    endInMs(digest: Digest): number {
      const { untilMs = 0 } = deletions.get(digest) ?? {};
      return Math.max(0, Math.min(lookAgainMs, untilMs - now()));
    },
  };
}
