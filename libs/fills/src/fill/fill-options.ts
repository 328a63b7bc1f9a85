// A fill as others see it, and what it is made of.
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
  /** Where its bytes come from. */
  readonly upstream: Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;
  readonly repository: RepositoryName;
  /** From the link, where a manifest said it. */
  readonly expectedSize: number | undefined;
  /** The size that the replaced fill has learned: upstream is not asked for it again. */
  readonly takenOverSize?: number | undefined;
  /** The first asker waits for the bytes from here on. */
  readonly from: number;
  readonly toExclusive: number | undefined;
  /** Called when the blob is verified and the store refuses it, for now or for good. */
  readonly onRefused?: (() => void) | undefined;
  /** Called with the number of bytes that came by reads beside the fill. */
  readonly onSideBytes?: ((bytes: number) => void) | undefined;
  /** Larger blobs are not fetched whole for the sake of a small range. */
  readonly maxWholeForRangeBytes: number;
  readonly store: BlobStore;
  readonly spools: SpoolDirectory;
  /** Default: one connection is open at a time, and another one for readers ahead. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  readonly log: Logger;
  /** Ends the fill: where others may go on with it, by handing it over. */
  readonly signal: AbortSignal;
  /** Whether another worker goes on after this failure, which is this worker's own. */
  readonly handsOn?: ((error: unknown) => Promise<boolean>) | undefined;
  /** Looks whether another worker has taken the fill over, and calls `handOver` then. True: none has. Unset: no worker does. */
  readonly lookForSuccessor?: (() => Promise<boolean>) | undefined;
  /** Hashes blobs that are larger than their part in the spool: other workers go on with such fills. Absent: no worker does. */
  readonly openHash?: OpenSavableHash | undefined;
  /** An earlier fill of `takenOverSize` bytes left it. */
  readonly checkpoint?: Checkpoint | undefined;
}

export type FillEnd = 'committed' | 'left' | 'moved';

/** Bytes of a blob that follow each other. */
export interface PresentRun {
  readonly start: number;
  readonly endExclusive: number;
}

export interface Fill {
  readonly fillId: string;
  readonly digest: Digest;
  /** Resolves with the blob's size once upstream has answered and followers can read; rejects with the failure. */
  readonly running: Promise<number>;
  /**
   * Resolves when the blob is committed. Or it has been left: only ranges of it were wanted and the last reader is gone, or the store
   * does not take it. Or it has moved, and no reader needs its bytes here. Rejects with the failure. Readers that opened it before may
   * still read.
   */
  readonly ended: Promise<FillEnd>;
  /** A follower at any offset; only after `running`. `undefined` once it has ended, however it did. */
  open(range: FillRange): SourceReader | undefined;
  /**
   * For the worker that takes the fill over: the first bytes that are here from `from` on, unverified. This fill then fetches no more.
   * Unset means that there are none.
   */
  openPresent(from: number): Promise<(PresentRun & { readonly reader: SourceReader }) | undefined>;
  /** Unset means that upstream has not answered yet. */
  readonly size: number | undefined;
  /** Unset until the blob has been verified. */
  readonly table: CrcTable | undefined;
  /** The newest one of a large blob. */
  readonly checkpoint: Checkpoint | undefined;
  /** Bytes that have come, verified or not. */
  readonly presentBytes: number;
  readonly activity: FillActivity;
  /** The number of its readers. */
  readonly readers: number;
  /** Whether followers may come. */
  readonly isOpen: boolean;
  /** The index has the committed blob: readers that lack bytes go on in the store. */
  release(): void;
  /** Another worker owns the digest now. Fetches and commits no more; readers go there once they have had these bytes. */
  handOver(): void;
}

/** How it goes, for those who watch. */
export interface FillActivity {
  readonly segments: number;
  readonly storedSegments: number;
  /** Bodies that upstream sends for it now. */
  readonly connections: number;
  /** Reads of bytes that are not in its window. */
  readonly sideReads: number;
}

export interface FillRange {
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end is withheld from this follower until the whole is verified: it then wants the whole. */
  readonly verified: boolean;
}
