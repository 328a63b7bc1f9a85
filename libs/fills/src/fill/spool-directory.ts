// Where fills keep their bytes while they run. What an earlier process left is removed at the start.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheError } from '@cistern/errors';
import { leastSegmentBytes as defaultLeast, segmentBytesOf } from '@cistern/oci';
import type { DiskClaim, DiskRoom } from '../room/disk-room.ts';
import { type FillRoom, createSpoolRoom } from '../room/spool-room.ts';
import { isSpoolFile, openSpoolFiles, type SpoolFiles } from './spool-files.ts';

export interface SpoolRequest {
  /** Of its files. */
  readonly name: string;
  /** Of the blob; of one whose size nobody knows, the most that is read. */
  readonly size: number;
}

export interface SpoolEntry {
  readonly isSizeUnknown: boolean;
  /** Frees a segment, for others or for this one. False: there is none to free. */
  readonly freeOne: () => boolean;
  /** Bytes of it that are on the disk. */
  readonly writtenBytes: () => number;
  readonly signal: AbortSignal;
}

/** What one fill has of the spool. Its opener closes it. */
export interface Spool {
  readonly files: SpoolFiles;
  readonly segmentBytes: number;
  /**
   * Waits, up to half a minute, for the little room that a fill needs to begin. Rejects with `overloaded` when there is none, with
   * `too-large` when there can never be, and with `store-unavailable` where the disk has none.
   */
  enter(entry: SpoolEntry): Promise<FillRoom>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface SpoolDirectory {
  open(request: SpoolRequest): Spool;
  /**
   * Rejects where the disk can never hold a blob of so many bytes, as far as it has to. Waits for nothing and takes no room. Called
   * before upstream is asked, with a size that nobody has confirmed.
   */
  admit(size: number): Promise<void>;
  /** Why a fill would have to wait now; `undefined`: it would not, as far as that share of `worker.spool.maxbytes` goes. */
  findShortage(size: number, share?: number): CacheError | undefined;
  /** Whether a fill's segments lie in one file that becomes the blob: then none of them is freed. */
  readonly isOneFile: boolean;
  /** Of a fill's bytes, those that it may keep here at a time. */
  readonly perFillBytes: number;
  readonly usedBytes: number;
  /** Somebody waits for room. */
  readonly isWaitedFor: boolean;
}

export interface SpoolDirectoryOptions {
  /** Of what fills keep here. Files that become blobs by a rename are the store's, and do not count. */
  readonly maxBytes: number;
  readonly perFillBytes?: number | undefined;
  /** Whether the directory is the store's own, in which a finished file becomes the blob. */
  readonly isOneFile?: boolean;
  /** Told whenever `usedBytes` has changed. */
  readonly onUsed?: (usedBytes: number) => void;
  /** Other processes spool there too. If not, what is left of an earlier run is removed. */
  readonly isShared?: boolean;
  /** Of the file systems that get what is spooled. Default: there is always room. */
  readonly disk?: DiskRoom | undefined;
  /** Default: of all caches. Less for tests. */
  readonly leastSegmentBytes?: number | undefined;
}

const defaultPerFillBytes = 1024 * 1024 * 1024;
/** One is written while the other is hashed and stored. */
const floorSegments = 2;

export async function openSpoolDirectory(path: string, options: SpoolDirectoryOptions): Promise<SpoolDirectory> {
  const { isOneFile = false, isShared = false, onUsed = () => {}, disk, leastSegmentBytes = defaultLeast } = options;
  const maxBytes = isOneFile ? Infinity : options.maxBytes;
  const perFillBytes = isOneFile ? Infinity : Math.min(maxBytes, options.perFillBytes ?? defaultPerFillBytes);
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (!isShared)
    for (const name of await readdir(path)) if (isSpoolFile(name)) await rm(join(path, name), { force: true });
  const spool = createSpoolRoom({ maxBytes, perFillBytes, onUsed });

  /** Of a spool that cannot hold two segments, one will do. */
  const leastFloorOf = (size: number) => {
    const segmentBytes = segmentBytesOf(size, leastSegmentBytes);
    return Math.min(size, Math.max(segmentBytes, Math.min(floorSegments * segmentBytes, maxBytes)));
  };
  /** What lies in the store's own file system stays there. */
  const floorOf = (size: number) => (isOneFile ? size : leastFloorOf(size));

  return {
    isOneFile,
    perFillBytes,
    open({ name, size }) {
      const segmentBytes = segmentBytesOf(size, leastSegmentBytes);
      const files = openSpoolFiles({ path: join(path, name), isOneFile, segmentBytes });
      let room: FillRoom | undefined;
      let claim: DiskClaim | undefined;
      return {
        files,
        segmentBytes,
        async enter({ isSizeUnknown, freeOne, writtenBytes, signal }) {
          const floorBytes = isSizeUnknown ? leastFloorOf(size) : floorOf(size);
          claim = disk?.open(writtenBytes);
          try {
            room = await spool.enter({ floorBytes, freeOne, signal });
            await claim?.take(floorBytes, signal);
            return room;
          } catch (error) {
            room?.close();
            claim?.close();
            throw error;
          }
        },
        async close() {
          try {
            await files.close();
          } finally {
            room?.close();
            claim?.close();
          }
        },
      };
    },
    async admit(size) {
      await disk?.admit(floorOf(size));
    },
    findShortage: (size, share = 1) => spool.findShortage(floorOf(size), maxBytes * share),
    get usedBytes() {
      return spool.usedBytes;
    },
    get isWaitedFor() {
      return spool.isWaitedFor;
    },
  };
}
