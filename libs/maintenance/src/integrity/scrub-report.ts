// What the scrub of the store has found, and how far it is: an object in the store, so that another worker, or the next
// start, goes on where this one was, and an operator can read it.
import { type BlobStore, scrubStateKey } from '@cistern/blob-store';
import { readJsonObject, writeJsonObject } from '@cistern/content';
import { type Digest, isDigest } from '@cistern/oci';

/** One walk through the whole store. */
export interface ScrubPass {
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** The part of 256 that is being walked through: by the first byte of digests. */
  readonly shard: number;
  /** The last object of it that has been seen to. */
  readonly after?: Digest;
  readonly counts: ScrubCounts;
}

export interface ScrubCounts {
  /** That were read whole. */
  readonly objects: number;
  readonly bytes: number;
  /** That nobody had hashed before, and are right. */
  readonly verified: number;
  /** In the store, and unknown to the index. */
  readonly adopted: number;
  /** Known to the index, and not in the store. */
  readonly forgotten: number;
  readonly damaged: number;
  /** Of the damaged: are here again, and right. */
  readonly healed: number;
  /** That could not be read or removed, though the store answered. */
  readonly failed: number;
}

export interface Damage {
  readonly digest: Digest;
  /** Bytes, of what was found. */
  readonly size: number;
  readonly foundAtMs: number;
  readonly healed: boolean;
  /** Where it was fetched again, or why it was not. */
  readonly note: string;
}

export interface ScrubReport {
  readonly schema: 1;
  /** The last one; it runs unless it has ended. */
  readonly pass: ScrubPass;
  /** The last one that has ended. */
  readonly lastEnded?: ScrubPass;
  /** The newest last; of all passes, as far as there is room. */
  readonly damages: readonly Damage[];
}

export const noCounts: ScrubCounts = {
  objects: 0,
  bytes: 0,
  verified: 0,
  adopted: 0,
  forgotten: 0,
  damaged: 0,
  healed: 0,
  failed: 0,
};

/** `undefined`: there has been none, or what is there is no report. Rejects with `store-unavailable`. */
export async function readScrubReport(store: Pick<BlobStore, 'readObject'>): Promise<ScrubReport | undefined> {
  const report = await readJsonObject<ScrubReport>(store, scrubStateKey);
  const { shard, after, startedAtMs }: Partial<ScrubPass> = report?.pass ?? {};
  const isSound = Number.isInteger(shard) && Number.isFinite(startedAtMs) && Array.isArray(report?.damages);
  return isSound && (after === undefined || isDigest(after)) ? report : undefined;
}

/** Rejects with `store-unavailable`. */
export async function writeScrubReport(store: Pick<BlobStore, 'writeObject'>, report: ScrubReport): Promise<void> {
  await writeJsonObject(store, scrubStateKey, report);
}
