// Defines the scrub's report: its findings and its progress. The report is an object in the store, so another worker or
// the next start can resume, and an operator can read it.
import { type BlobStore, scrubStateKey } from '@cistern/blob-store';
import { readJsonObject, writeJsonObject } from '@cistern/content';
import { type Digest, isDigest } from '@cistern/oci';

/** One pass over the whole store. */
export interface ScrubPass {
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** Number of the shard under way, of 256. The first byte of a digest is the number of its shard. */
  readonly shard: number;
  /** The last scrubbed object of the shard. Unset means that none is scrubbed yet. */
  readonly after?: Digest;
  readonly counts: ScrubCounts;
}

export interface ScrubCounts {
  /** Objects that were read whole. */
  readonly objects: number;
  readonly bytes: number;
  /** Objects that were hashed for the first time and are correct. */
  readonly verified: number;
  /** Objects in the store that the index did not know. */
  readonly adopted: number;
  /** Records in the index whose objects are missing from the store. */
  readonly forgotten: number;
  readonly damaged: number;
  /** Damaged objects that were fetched again. */
  readonly healed: number;
  /** Objects that could not be read or removed although the store answered. */
  readonly failed: number;
}

export interface Damage {
  readonly digest: Digest;
  /** Size of the damaged object, in bytes. */
  readonly size: number;
  readonly foundAtMs: number;
  readonly healed: boolean;
  /** Names the repository from which the object was fetched again, or the reason why it was not fetched. */
  readonly note: string;
}

export interface ScrubReport {
  readonly schema: 1;
  /** The last pass. It is under way unless `endedAtMs` is set. */
  readonly pass: ScrubPass;
  /** The last finished pass. */
  readonly lastEnded?: ScrubPass;
  /** The most recent damages of all passes, the newest last. */
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

/** Returns `undefined` if there is no valid report. Rejects with `store-unavailable`. */
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
