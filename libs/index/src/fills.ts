// Fill records: which worker is fetching which digest now. The record is the truth, announcements are only wake-ups. A
// claim is a lease by compare-and-set. All times are by the index's own clock.
import type { CacheErrorKind } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { BlobRecord } from './blobs.ts';
import type { RepositoryKey } from './links.ts';

export type FillClass = 'interactive' | 'background';

/**
 * Shows other nodes how to read a fill, and proves that a node of their cluster wrote its record. Unset in a single
 * process.
 */
export interface RecordSignature {
  /** The protocol for reading the fill. Unset means 1. */
  readonly protocol?: number | undefined;
  /** Covers other fields of the record. The index keeps it, and readers check it. */
  readonly signature?: string | undefined;
}

export interface FillRecord extends RecordSignature {
  readonly schema: 1;
  readonly digest: Digest;
  readonly fillId: string;
  /** A random value, compared for equality. */
  readonly owner: string;
  /** Grows with every claim, and with time, so that no generation is used again after its record has expired. */
  readonly generation: number;
  /** The address from which followers read, for example `http://worker-1:5002`; empty in a single process. */
  readonly address: string;
  readonly state: 'starting' | 'running' | 'done' | 'failed';
  readonly class: FillClass;
  readonly source: RepositoryKey;
  /** Size of the whole blob in bytes; known from `running` on. */
  readonly size?: number | undefined;
  /** Set in `failed`: the failure, as far as it concerns the bytes. */
  readonly failure?: {
    readonly kind: CacheErrorKind;
    readonly message: string;
    readonly retryAfterMs?: number | undefined;
  };
  /**
   * The position from which another worker can resume the fill. A claim that replaces a fill in flight takes it over.
   */
  readonly checkpoint?: string | undefined;
  readonly expiresAtMs: number;
}

/** Fields that `running` writes along with the size. */
export interface RunningFields extends RecordSignature, Pick<FillRecord, 'checkpoint'> {}

export interface FillClaim {
  readonly digest: Digest;
  readonly fillId: string;
  readonly owner: string;
  readonly address: string;
  readonly class: FillClass;
  readonly source: RepositoryKey;
  /**
   * Takes over only from this generation or an older one. 0 means that the claim succeeds only if no live fill is
   * recorded.
   */
  readonly replaces: number;
  readonly leaseMs: number;
}

/**
 * The index lost its data moments ago, or was down for longer than a lease. Owners of fills in flight then restore their
 * records first. Or the blob is being deleted. Claim again after `unsettledForMs`.
 */
interface Unsettled {
  readonly unsettledForMs: number;
}

/** A blob to delete. `lastPulledAtMs: Infinity` deletes it even if it was pulled moments ago. */
export type Victim = Pick<BlobRecord, 'digest' | 'lastPulledAtMs'>;

/**
 * Every method treats a record whose `expiresAtMs` has passed as absent. A fill that has ended keeps its state until a
 * claim replaces it. "False" below means that nothing was written; a repeated write of the same state returns true.
 */
export interface FillIndex {
  read(digest: Digest): Promise<FillRecord | undefined>;
  /**
   * Takes the lease if the record is absent, expired, ended or of a generation `<= replaces`; otherwise returns
   * `undefined`.
   * The new generation is one above `replaces` and above the replaced record's generation, and at least the time in
   * milliseconds. The new record keeps the checkpoint of a fill that has not ended, even if its lease expired.
   * An absent record may have been lost. Nothing is then written until its owner has had the time to put it back.
   */
  claim(claim: FillClaim): Promise<FillRecord | Unsettled | undefined>;
  /**
   * Changes `starting` to `running`. Returns false if the record is absent, has ended or has another owner. Unset
   * `fields` stay unchanged.
   */
  running(digest: Digest, owner: string, size: number, fields?: RunningFields): Promise<boolean>;
  /**
   * Extends the lease to `leaseMs` from now; 0 releases it and removes the record. `recreated`: the record was absent
   * and was written again as given. `lost`: it has another owner. An ended fill of this owner is `kept` unchanged.
   */
  heartbeat(record: FillRecord, leaseMs: number): Promise<'kept' | 'recreated' | 'lost'>;
  /**
   * Writes `done` with the blob's size, and the blob record, in one step. The fill record stays readable until its
   * lease expires. Returns false if the record is absent (call `heartbeat`, then retry), has failed or has another
   * owner.
   */
  done(digest: Digest, owner: string, blob: BlobRecord): Promise<boolean>;
  /**
   * Writes `failed` and keeps the record for `keepMs`. Returns false if the record is absent, is done or has another
   * owner.
   */
  failed(digest: Digest, owner: string, failure: NonNullable<FillRecord['failure']>, keepMs: number): Promise<boolean>;
  /**
   * Takes the right to delete the objects of blobs for `leaseMs`: changes `present` to `deleting`, or takes over a
   * deletion whose lease has expired. Returns the blobs that this owner may delete now.
   * It omits a blob that was pulled after the given `lastPulledAtMs`, is being fetched, is absent, or is being deleted
   * by another owner. A call by the same owner extends its lease. Claims wait until the deletion ends or its lease
   * expires.
   */
  beginDeletions(victims: readonly Victim[], owner: string, leaseMs: number): Promise<Digest[]>;
  /**
   * `gone` removes the records of blobs whose objects are deleted. `kept` makes them `present` again. Returns the
   * digests that it changed, which are the deletions that this owner still holds.
   */
  endDeletions(digests: readonly Digest[], owner: string, end: 'gone' | 'kept'): Promise<Digest[]>;
}
