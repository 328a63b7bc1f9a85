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
  /** The size in the link, if a manifest named it. */
  readonly expectedSize: number | undefined;
  /** The size that the replaced fill has learned, so that upstream need not be queried for it again. */
  readonly takenOverSize?: number | undefined;
  /** The first reader waits for the bytes from this offset on. */
  readonly from: number;
  readonly toExclusive: number | undefined;
  /** Called when the blob is verified and the store refuses it, for now or permanently. */
  readonly onRefused?: (() => void) | undefined;
  /** Called with the number of bytes that arrived by side reads. */
  readonly onSideBytes?: ((bytes: number) => void) | undefined;
  /** Larger blobs are not fetched whole to serve a small range. */
  readonly maxWholeForRangeBytes: number;
  readonly store: BlobStore;
  readonly spools: SpoolDirectory;
  /** Unset means one open connection at a time, and another for readers ahead. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  readonly log: Logger;
  /** Ends the fill. If other workers may continue it, the fill is handed over. */
  readonly signal: AbortSignal;
  /** Returns whether another worker continues after this failure, which is this worker's own. */
  readonly handsOver?: ((error: unknown) => Promise<boolean>) | undefined;
  /**
   * Checks whether another worker has taken the fill over, and calls `handOver` if so. Resolves with true if none has. Unset
   * means that no worker takes it over.
   */
  readonly lookForSuccessor?: (() => Promise<boolean>) | undefined;
  /**
   * Hashes blobs that exceed their share of the spool, so that other workers can continue such fills. Unset means that none does.
   */
  readonly openHash?: OpenSavableHash | undefined;
  /** Left by an earlier fill of `takenOverSize` bytes. */
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
  /** Resolves with the blob's size once upstream has answered and followers can read. Rejects with the failure. */
  readonly running: Promise<number>;
  /**
   * Resolves when the fill has ended. `committed` means that the blob is in the store. `left` means that only ranges were wanted
   * and the last reader has left, or that the store refused the blob. `moved` means that another worker continues and no reader
   * needs bytes here. Rejects with the failure. Readers that opened it before may still read.
   */
  readonly ended: Promise<FillEnd>;
  /** Opens a follower at any offset. Call it only after `running`. Returns `undefined` once the fill has ended, in any way. */
  open(range: FillRange): SourceReader | undefined;
  /**
   * Opens the first present bytes from `from` on, unverified, for the worker that takes the fill over. This fill then stops
   * fetching. Resolves with `undefined` if there are none.
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
  /** The number of its readers. */
  readonly readers: number;
  /** Whether followers may still join. */
  readonly isOpen: boolean;
  /** The index has the committed blob. Readers that lack bytes continue in the store. */
  release(): void;
  /** Another worker owns the digest now. Stops fetching and committing. Readers move there after they have read these bytes. */
  handOver(): void;
}

/** The progress of a fill, for display. */
export interface FillActivity {
  readonly segments: number;
  readonly storedSegments: number;
  /** Number of bodies that upstream sends for it now. */
  readonly connections: number;
  /** Number of reads of bytes that are not in its window. */
  readonly sideReads: number;
}

export interface FillRange {
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end is withheld from this follower until the whole is verified. The fill then fetches the whole blob. */
  readonly verified: boolean;
}
