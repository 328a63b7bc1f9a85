// Fill records: which worker is fetching which digest now. Only the record decides; announcements merely cause nodes to
// read it again. A claim takes the lease of a digest by compare-and-set. All times are by the clock of the index.
import type { CacheErrorKind } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { BlobRecord } from './blobs.ts';
import type { RepositoryKey } from './links.ts';

export type FillClass = 'interactive' | 'background';

/**
 * Fields for followers on other nodes: how to read the fill, and proof that a node of their cluster wrote the record.
 * Unset in a single process.
 */
export interface RecordSignature {
  /** Version of the protocol by which followers read the fill. Unset means 1. */
  readonly protocol?: number | undefined;
  /** Signature over other fields of the record. The index only stores the signature; readers of the record check it. */
  readonly signature?: string | undefined;
}

export interface FillRecord extends RecordSignature {
  readonly schema: 1;
  readonly digest: Digest;
  readonly fillId: string;
  /** A random value that identifies the claim. It is only compared for equality. */
  readonly owner: string;
  /**
   * Grows with every claim, and is at least the time of the claim. So no generation is used again, even if the record
   * has expired.
   */
  readonly generation: number;
  /** The address from which followers read, for example `http://worker-1:5002`; empty in a single process. */
  readonly address: string;
  readonly state: 'starting' | 'running' | 'done' | 'failed';
  readonly class: FillClass;
  readonly source: RepositoryKey;
  /** Size of the whole blob in bytes. Unset in state `starting`. */
  readonly size?: number | undefined;
  /** Why the fill failed. Set in state `failed`. */
  readonly failure?: {
    readonly kind: CacheErrorKind;
    readonly message: string;
    readonly retryAfterMs?: number | undefined;
  };
  /**
   * Data with which another worker can resume the fill. A claim that replaces a fill in flight copies it into the new
   * record.
   */
  readonly checkpoint?: string | undefined;
  readonly expiresAtMs: number;
}

/** Fields that `running` writes in addition to the size. */
export interface RunningFields extends RecordSignature, Pick<FillRecord, 'checkpoint'> {}

export interface FillClaim {
  readonly digest: Digest;
  readonly fillId: string;
  readonly owner: string;
  readonly address: string;
  readonly class: FillClass;
  readonly source: RepositoryKey;
  /**
   * The claim replaces a live fill only if its generation is not above this one. 0 means that the claim fails if there
   * is a live fill.
   */
  readonly replaces: number;
  readonly leaseMs: number;
}

/**
 * The claim cannot be decided yet, so the caller must repeat it after `unsettledForMs`. One reason is that the index
 * lost its data, or was unavailable for longer than a lease. The owners of fills in flight must then restore their
 * records first. The other reason is that the blob is being deleted.
 */
interface Unsettled {
  readonly unsettledForMs: number;
}

/**
 * A blob to delete, with the last pull that the caller knows of. `Infinity` deletes the blob even if a client has just
 * pulled it.
 */
export type Victim = Pick<BlobRecord, 'digest' | 'lastPulledAtMs'>;

/**
 * Every method treats a record whose `expiresAtMs` has passed as absent. A fill that has ended keeps its state until a
 * claim replaces it. A method that returns false has written nothing. A repeated write of the same state returns true.
 */
export interface FillIndex {
  read(digest: Digest): Promise<FillRecord | undefined>;
  /**
   * Takes the lease if the record is absent, expired, ended or of a generation `<= replaces`; otherwise returns
   * `undefined`. The new generation is one above `replaces` and above the replaced record's generation, and at least
   * the time in milliseconds. The new record keeps the checkpoint of a fill that has not ended, even if its lease
   * expired. An absent record may have been lost with the data of the index. The claim then returns `Unsettled` and
   * writes nothing, until the owner of the record has had time to restore it.
   */
  claim(claim: FillClaim): Promise<FillRecord | Unsettled | undefined>;
  /**
   * Changes `starting` to `running`. Returns false if the record is absent, has ended or has another owner. Unset
   * `fields` stay unchanged.
   */
  running(digest: Digest, owner: string, size: number, fields?: RunningFields): Promise<boolean>;
  /**
   * Extends the lease to `leaseMs` from now. 0 releases the lease and removes the record. Returns `recreated` if the
   * record was absent; unless `leaseMs` is 0, it is written again as given. Returns `lost` if the record has another
   * owner, and otherwise `kept`. A fill that has ended stays unchanged.
   */
  heartbeat(record: FillRecord, leaseMs: number): Promise<'kept' | 'recreated' | 'lost'>;
  /**
   * Writes `done` with the blob's size, and the blob record, in one step. The fill record stays readable until its
   * lease expires. Returns false if the fill has failed or has another owner. Also returns false if the record is
   * absent; the caller can then restore it by `heartbeat` and retry.
   */
  done(digest: Digest, owner: string, blob: BlobRecord): Promise<boolean>;
  /**
   * Writes `failed` and keeps the record for `keepMs`. Returns false if the record is absent or has another owner, or
   * if the fill is done.
   */
  failed(digest: Digest, owner: string, failure: NonNullable<FillRecord['failure']>, keepMs: number): Promise<boolean>;
  /**
   * Takes the right to delete the objects of blobs for `leaseMs`. Changes the state of each record from `present` to
   * `deleting`, or takes over a deletion whose lease has expired. Returns the digests whose objects this owner may
   * delete now. They do not include blobs that were pulled after the given `lastPulledAtMs`, are being fetched, have no
   * record, or are being deleted by another owner. A repeated call of the same owner extends its lease. Claims of a
   * blob wait until its deletion ends or the lease of the deletion expires.
   */
  beginDeletions(victims: readonly Victim[], owner: string, leaseMs: number): Promise<Digest[]>;
  /**
   * Ends deletions. `gone` removes the records, because the objects are deleted. `kept` makes the records `present`
   * again. Returns the digests that it changed. It does not change a digest whose deletion this owner no longer holds.
   */
  endDeletions(digests: readonly Digest[], owner: string, end: 'gone' | 'kept'): Promise<Digest[]>;
}
