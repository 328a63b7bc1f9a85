// The options of a fill, and its interface for callers.
import type { BlobStore } from '@cistern/blob-store';
import type { CrcTable, Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import type { SourceReader } from '@cistern/streams';
import type { FillConnections } from '../fetch/connection-control.ts';
import type { SpoolDirectory } from '../spool/spool-directory.ts';
import type { Checkpoint } from './checkpoints.ts';
import type { OpenSavableHash } from './savable-hash.ts';

export interface FillOptions {
  readonly fillId: string;
  readonly digest: Digest;
  /** The source of the bytes. */
  readonly upstream: Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;
  readonly repository: RepositoryName;
  /** The size that a manifest gives for the blob, as stored in the link. Unset if no manifest gives it. */
  readonly expectedSize: number | undefined;
  /** The size that the replaced fill got from upstream, so that this fill does not query it again. */
  readonly takenOverSize?: number | undefined;
  /** The offset of the first byte that the first reader waits for. */
  readonly from: number;
  readonly toExclusive: number | undefined;
  /** Called when the store refuses the verified blob, temporarily or permanently. */
  readonly onRefused?: (() => void) | undefined;
  /** Called with the number of bytes that side reads have received. */
  readonly onSideBytes?: ((bytes: number) => void) | undefined;
  /** Blobs larger than this are not fetched completely if only a small range was requested. */
  readonly maxWholeForRangeBytes: number;
  readonly store: BlobStore;
  readonly spools: SpoolDirectory;
  /** Decides about connections to a host. Unset means one connection at a time, and extra ones only for readers ahead. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  readonly log: Logger;
  /** Ends the fill. If `lookForSuccessor` is set, the fill is handed over to another worker. */
  readonly signal: AbortSignal;
  /**
   * Called when the fill has failed. Resolves to true if the cause is this worker's own problem, and another worker continues the
   * fill.
   */
  readonly handsOver?: ((error: unknown) => Promise<boolean>) | undefined;
  /**
   * Checks whether another worker has taken the fill over, and calls `handOver` if so. Resolves to true if none has. Unset means
   * that there is no other worker.
   */
  readonly lookForSuccessor?: (() => Promise<boolean>) | undefined;
  /**
   * Opens a hash for a blob that is larger than one fill's share of the spool. The state of this hash can be saved, so another
   * worker can continue the fill. Unset means that such fills cannot be continued from a checkpoint.
   */
  readonly openHash?: OpenSavableHash | undefined;
  /** The checkpoint of an earlier fill of the same blob. Used only together with `takenOverSize`. */
  readonly checkpoint?: Checkpoint | undefined;
}

export type FillEnd = 'committed' | 'left' | 'moved';

/** A contiguous run of a blob's bytes. */
export interface PresentRun {
  readonly start: number;
  readonly endExclusive: number;
}

export interface Fill {
  readonly fillId: string;
  readonly digest: Digest;
  /** Resolves to the blob's size when upstream has answered and followers can read. Rejects with the failure. */
  readonly running: Promise<number>;
  /**
   * Resolves when the fill has ended. `committed` means that the blob is in the store. `left` means that only ranges were
   * requested and the last reader has left, or that the store refused the blob. `moved` means that another worker continues and
   * no reader needs bytes here. Rejects with the failure. Readers that were opened before can still read.
   */
  readonly ended: Promise<FillEnd>;
  /**
   * Opens a follower at any offset. Call it only after `running`. Returns `undefined` if the fill has ended, with or without
   * success.
   */
  open(range: FillRange): SourceReader | undefined;
  /**
   * Opens the first present bytes from `from` on, for a worker that takes the fill over. The bytes are not verified. First checks
   * for such a worker; if there is one, this fill stops fetching. Resolves to `undefined` if no such bytes are present.
   */
  openPresent(from: number): Promise<(PresentRun & { readonly reader: SourceReader }) | undefined>;
  /** Unset means that upstream has not answered yet. */
  readonly size: number | undefined;
  /** Unset until the blob has been verified. */
  readonly table: CrcTable | undefined;
  /** The newest checkpoint of a large blob. */
  readonly checkpoint: Checkpoint | undefined;
  /** Number of bytes received so far, verified or not. */
  readonly presentBytes: number;
  readonly activity: FillActivity;
  /** Number of followers that read from the fill now. */
  readonly readers: number;
  /** True if the fill is still fetching or storing here, so that followers may join. */
  readonly isOpen: boolean;
  /** Called when the index has the record of the committed blob. Readers whose bytes are missing here continue in the store. */
  release(): void;
  /**
   * Called when another worker owns the digest. Stops fetching and committing. Readers first read the present bytes, and then
   * continue at that worker.
   */
  handOver(): void;
}

/** The progress of a fill, for display. */
export interface FillActivity {
  readonly segments: number;
  readonly storedSegments: number;
  /** Number of bodies that upstream is sending for the fill now. */
  readonly connections: number;
  /** Number of side reads that are open now. */
  readonly sideReads: number;
}

export interface FillRange {
  readonly from: number;
  readonly toExclusive: number;
  /**
   * True if the end of the blob is withheld from this follower until the whole blob is verified. The fill then fetches the whole
   * blob.
   */
  readonly verified: boolean;
}
