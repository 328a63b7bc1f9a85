// Fill records: who is fetching which digest now. The record is the truth, announcements are only wake-ups. A claim is
// a lease by compare-and-set; times are the index's own.
import type { CacheErrorKind } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { BlobRecord } from './blobs.ts';
import type { RepositoryKey } from './links.ts';

export type FillClass = 'interactive' | 'background';

/** Shows other nodes how to read a fill, and that a node of their cluster has written its record. Unset in a single process. */
export interface RecordSignature {
  /** The protocol by which the fill is read. Unset means 1. */
  readonly protocol?: number | undefined;
  /** Covers other fields of the record. The index keeps it, and readers check it. */
  readonly signature?: string | undefined;
}

export interface FillRecord extends RecordSignature {
  readonly schema: 1;
  readonly digest: Digest;
  readonly fillId: string;
  /** Random, compared for equality. */
  readonly owner: string;
  /** Grows with every claim, and with time: none comes again after its record has expired. */
  readonly generation: number;
  /** Where followers read, for example `http://worker-1:5002`; empty in a single process. */
  readonly address: string;
  readonly state: 'starting' | 'running' | 'done' | 'failed';
  readonly class: FillClass;
  readonly source: RepositoryKey;
  /** Bytes of the whole blob; known from `running` on. */
  readonly size?: number | undefined;
  /** With `failed`: what went wrong, as far as it concerns the bytes. */
  readonly failure?: {
    readonly kind: CacheErrorKind;
    readonly message: string;
    readonly retryAfterMs?: number | undefined;
  };
  /** From where another worker can go on with it. A claim that replaces a fill which has not ended takes it over. */
  readonly checkpoint?: string | undefined;
  readonly expiresAtMs: number;
}

/** Fields that `running` writes beside the size. */
export interface RunningFields extends RecordSignature, Pick<FillRecord, 'checkpoint'> {}

export interface FillClaim {
  readonly digest: Digest;
  readonly fillId: string;
  readonly owner: string;
  readonly address: string;
  readonly class: FillClass;
  readonly source: RepositoryKey;
  /** Take over only from this generation or an older one; 0: only where nothing live is recorded. */
  readonly replaces: number;
  readonly leaseMs: number;
}

/**
 * The index lost its data a moment ago, or was down for longer than a lease. Owners of fills in flight put their records back
 * first. Or the blob is being deleted. Claim again after it.
 */
interface Unsettled {
  readonly unsettledForMs: number;
}

/** A blob that is to be deleted; with `lastPulledAtMs: Infinity` also if it was pulled a moment ago. */
export type Victim = Pick<BlobRecord, 'digest' | 'lastPulledAtMs'>;

/**
 * A record whose `expiresAtMs` has come is absent for every method. A fill that has ended stays as it ended: only a claim
 * replaces it. "False" below means that nothing was written; saying again what was said already is true.
 */
export interface FillIndex {
  read(digest: Digest): Promise<FillRecord | undefined>;
  /**
   * Takes the lease if the record is absent, expired, ended or of a generation `<= replaces`; else `undefined`. The new
   * generation is one more than the greater of `replaces` and that of the record it replaces, or the time in milliseconds if
   * that is more. The checkpoint of a fill that has not ended is in the new record, also if its lease ran out. An absent record may be one that was lost: then nothing is written until it is sure that its owner would
   * have put it back.
   */
  claim(claim: FillClaim): Promise<FillRecord | Unsettled | undefined>;
  /** `starting` → `running`; false if the record is gone, has ended or has another owner. Unset `fields` stay as they are. */
  running(digest: Digest, owner: string, size: number, fields?: RunningFields): Promise<boolean>;
  /**
   * Prolongs the lease to `leaseMs` from now; 0 gives it up: the record is gone. `recreated`: the record was gone and has been
   * put back as given. `lost`: it has another owner. A fill of this owner that has ended is `kept` as it is.
   */
  heartbeat(record: FillRecord, leaseMs: number): Promise<'kept' | 'recreated' | 'lost'>;
  /**
   * Writes `done` with the blob's size, and the blob record, in one step; readable until the lease would have ended.
   * False if the record is gone (heartbeat, then try again), has failed or has another owner.
   */
  done(digest: Digest, owner: string, blob: BlobRecord): Promise<boolean>;
  /** Writes `failed`; kept for `keepMs`. False if the record is gone, is done or has another owner. */
  failed(digest: Digest, owner: string, failure: NonNullable<FillRecord['failure']>, keepMs: number): Promise<boolean>;
  /**
   * Takes the right to delete the objects of blobs, for `leaseMs`: turns `present` into `deleting`, or takes over a deletion whose
   * lease has ended. Returns the blobs that are this owner's to delete now. A blob is not if it was pulled after the given
   * `lastPulledAtMs`, is being fetched, is not there, or is another's to delete. The same owner prolongs its lease. Until the
   * deletion or its lease ends, claims have to wait.
   */
  beginDeletions(victims: readonly Victim[], owner: string, leaseMs: number): Promise<Digest[]>;
  /**
   * `gone`: removes the records of blobs whose objects are gone. `kept`: makes them `present` again. Returns those that it has
   * changed: deletions that are still this owner's.
   */
  endDeletions(digests: readonly Digest[], owner: string, end: 'gone' | 'kept'): Promise<Digest[]>;
}
