// Where fills keep their bytes while they run. Files of an earlier process are removed at the start.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskSpace } from '@cistern/blob-store';
import type { CacheError } from '@cistern/errors';
import { leastSegmentBytes as defaultLeast, segmentBytesOf } from '@cistern/oci';
import type { DiskClaim, DiskRoom } from '../room/disk-room.ts';
import { lookEveryMs, watchSpoolDisk } from '../room/spool-disk.ts';
import { type FillRoom, createSpoolRoom } from '../room/spool-room.ts';
import { isSpoolFile, openSpoolFiles, type SpoolFiles } from './spool-files.ts';

interface SpoolRequest {
  /** The files are named after it. */
  readonly name: string;
  /** Bytes of the blob. Where the size is unknown it is the most that is read. */
  readonly size: number;
}

interface SpoolEntry {
  readonly isSizeUnknown: boolean;
  /** Frees a segment, for others or for this one. False: there is none to free. */
  readonly freeOne: (isForItself: boolean) => boolean;
  /** Bytes of it that are in the spool. */
  readonly writtenBytes: () => number;
  /** Bytes of it that are in the store. */
  readonly storedBytes: () => number;
  readonly signal: AbortSignal;
}

/** The part of the spool that one fill has. Its opener closes it. */
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
  /** The size of segments of a blob of so many bytes. */
  segmentBytesOf(size: number): number;
  open(request: SpoolRequest): Spool;
  /**
   * Rejects where the disk can never hold a blob of so many bytes, as far as it has to. Waits for nothing and takes no room. Called
   * before upstream is asked, with an unconfirmed size.
   */
  admit(size: number): Promise<void>;
  /** Why a fill would have to wait now; `undefined`: it would not, as far as that share of `worker.spool.maxbytes` goes. */
  findShortage(size: number, share?: number): CacheError | undefined;
  /** Whether one file holds a fill's segments and becomes the blob. Then no segment is freed. */
  readonly isOneFile: boolean;
  /** One fill keeps so many bytes here at most. */
  readonly perFillBytes: number;
  readonly usedBytes: number;
  /** A fill waits for room. */
  readonly isWaitedFor: boolean;
  /** Why no fill can begin; `undefined`: the spool's disk has room for one. */
  readonly full: string | undefined;
}

export interface SpoolDirectoryOptions {
  /** All fills keep so many bytes here at most. Files that become blobs by a rename are the store's, and do not count. */
  readonly maxBytes: number;
  readonly perFillBytes?: number | undefined;
  /** Whether the directory is the store's own, in which a finished file becomes the blob. */
  readonly isOneFile?: boolean;
  /** Called whenever `usedBytes` has changed. */
  readonly onUsed?: (usedBytes: number) => void;
  /** Other processes spool there too. If not, files of an earlier run are removed. */
  readonly isShared?: boolean;
  /** The file system of the store. Unset means that there is always room. */
  readonly disk?: DiskRoom | undefined;
  /** The spool's own file system, where blobs do not stay. Unset means that `maxBytes` are there. */
  readonly space?: (() => Promise<DiskSpace | undefined>) | undefined;
  /** Default: of all caches. Less for tests. */
  readonly leastSegmentBytes?: number | undefined;
}

const defaultPerFillBytes = 1024 * 1024 * 1024;
/** One is written while the other is hashed and stored. */
const floorSegments = 2;

export async function openSpoolDirectory(path: string, options: SpoolDirectoryOptions): Promise<SpoolDirectory> {
  const { isOneFile = false, isShared = false, onUsed = () => {}, leastSegmentBytes = defaultLeast } = options;
  const maxBytes = isOneFile ? Infinity : options.maxBytes;
  const perFillBytes = isOneFile ? Infinity : Math.min(maxBytes, options.perFillBytes ?? defaultPerFillBytes);
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (!isShared)
    for (const name of await readdir(path)) if (isSpoolFile(name)) await rm(join(path, name), { force: true });
  const written = new Set<() => number>();
  const writtenBytes = () => [...written].reduce((sum, bytesOf) => sum + bytesOf(), 0);
  const disk = watchSpoolDisk(isOneFile ? undefined : options.space, writtenBytes);
  const spool = createSpoolRoom({ maxBytes, diskBytes: () => disk.mostBytes, perFillBytes, onUsed });
  /** Others may take room on the disk, or give it back. */
  const look = async () => {
    if (await disk.look()) spool.looked();
  };

  /** A spool that cannot hold two segments does with one. */
  const leastFloorOf = (size: number) => {
    const segmentBytes = segmentBytesOf(size, leastSegmentBytes);
    return Math.min(size, Math.max(segmentBytes, Math.min(floorSegments * segmentBytes, maxBytes)));
  };
  /** A file of the store stays where it is, so its whole size is taken. */
  const floorOf = (size: number) => (isOneFile ? size : leastFloorOf(size));

  return {
    segmentBytesOf: (size) => segmentBytesOf(size, leastSegmentBytes),
    isOneFile,
    perFillBytes,
    open({ name, size }) {
      const segmentBytes = segmentBytesOf(size, leastSegmentBytes);
      const files = openSpoolFiles({ path: join(path, name), isOneFile, segmentBytes });
      let room: FillRoom | undefined;
      let claim: DiskClaim | undefined;
      let bytesOf: (() => number) | undefined;
      const leave = () => {
        room?.close();
        claim?.close();
        if (bytesOf !== undefined) written.delete(bytesOf);
      };
      return {
        files,
        segmentBytes,
        async enter({ isSizeUnknown, freeOne, signal, ...entry }) {
          const floorBytes = isSizeUnknown ? leastFloorOf(size) : floorOf(size);
          claim = options.disk?.open(isOneFile ? entry.writtenBytes : entry.storedBytes);
          bytesOf = entry.writtenBytes;
          written.add(bytesOf);
          const looking = setInterval(() => void look(), lookEveryMs);
          try {
            await look();
            room = await spool.enter({ floorBytes, freeOne, signal });
            await claim?.take(isSizeUnknown ? floorBytes : size, signal);
            const { take } = room;
            return {
              ...room,
              async take(...request) {
                await look();
                return take(...request);
              },
            };
          } catch (error) {
            leave();
            throw error;
          } finally {
            clearInterval(looking);
          }
        },
        async close() {
          try {
            await files.close();
          } finally {
            leave();
          }
        },
      };
    },
    async admit(size) {
      await Promise.all([options.disk?.admit(size), look()]);
    },
    findShortage: (size, share = 1) => spool.findShortage(floorOf(size), maxBytes * share),
    get usedBytes() {
      return spool.usedBytes;
    },
    get isWaitedFor() {
      return spool.isWaitedFor;
    },
    get full() {
      return disk.findShortage(floorSegments * leastSegmentBytes);
    },
  };
}
