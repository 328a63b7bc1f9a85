// The directory in which running fills keep their bytes. Files of an earlier process are removed at startup.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskSpace } from '@cistern/blob-store';
import type { CacheError } from '@cistern/errors';
import { leastSegmentBytes as defaultLeast, segmentBytesOf } from '@cistern/oci';
import type { DiskClaim, DiskRoom } from '../room/disk-room.ts';
import { measureEveryMs, watchSpoolDisk } from '../room/spool-disk.ts';
import { type FillRoom, createSpoolRoom } from '../room/spool-room.ts';
import { isSpoolFile, openSpoolFiles, type SpoolFiles } from './spool-files.ts';

interface SpoolRequest {
  /** The prefix of the file names. */
  readonly name: string;
  /** Size of the blob. If that is unknown, it is the most that is read. */
  readonly size: number;
}

interface SpoolEntry {
  readonly isSizeUnknown: boolean;
  /** Frees a segment, for other fills or for this one. Returns false if there is none to free. */
  readonly freeOne: (isForItself: boolean) => boolean;
  /** Number of its bytes in the spool. */
  readonly writtenBytes: () => number;
  /** Number of its bytes in the store. */
  readonly storedBytes: () => number;
  readonly signal: AbortSignal;
}

/** One fill's part of the spool. The caller closes it. */
export interface Spool {
  readonly files: SpoolFiles;
  readonly segmentBytes: number;
  /**
   * Waits up to half a minute for the small space that a fill needs to begin. Rejects with `overloaded` if there is none. Rejects
   * with `too-large` if there can never be enough, and with `store-unavailable` if the disk has none.
   */
  enter(entry: SpoolEntry): Promise<FillRoom>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface SpoolDirectory {
  /** Returns the segment size for a blob of `size` bytes. */
  segmentBytesOf(size: number): number;
  open(request: SpoolRequest): Spool;
  /**
   * Rejects if the disk can never hold the part of such a blob that it must hold. Does not wait, and reserves nothing. Called
   * before the upstream request, with an unconfirmed size.
   */
  admit(size: number): Promise<void>;
  /** Returns why a fill would wait now. `undefined` means that this share of `worker.spool.maxbytes` is enough. */
  findShortage(size: number, share?: number): CacheError | undefined;
  /** Whether one file holds a fill's segments and becomes the blob. Then no segment is freed. */
  readonly isOneFile: boolean;
  /** The most bytes that one fill keeps here. */
  readonly perFillBytes: number;
  readonly usedBytes: number;
  /** Whether a fill waits for space. */
  readonly isWaitedFor: boolean;
  /** The reason why no fill can begin. `undefined` means that the spool's disk has space for one. */
  readonly full: string | undefined;
}

export interface SpoolDirectoryOptions {
  /** The most bytes that all fills keep here. Files that become blobs by a rename belong to the store, and do not count. */
  readonly maxBytes: number;
  readonly perFillBytes?: number | undefined;
  /** Whether the directory is the store's own, in which a finished file becomes the blob. */
  readonly isOneFile?: boolean;
  /** Called after each change of `usedBytes`. */
  readonly onUsed?: (usedBytes: number) => void;
  /** Whether other processes spool there too. If not, files of an earlier run are removed. */
  readonly isShared?: boolean;
  /** The file system of the store. Unset means that there is always space. */
  readonly disk?: DiskRoom | undefined;
  /** The spool's own file system, where blobs do not stay. Unset means that it has `maxBytes`. */
  readonly space?: (() => Promise<DiskSpace | undefined>) | undefined;
  /** Unset means the value of all caches. Tests set less. */
  readonly leastSegmentBytes?: number | undefined;
}

const defaultPerFillBytes = 1024 * 1024 * 1024;
/** One segment is written while the other is hashed and stored. */
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
  /** Measures again: other programs may use space on the disk, or free it. */
  const measure = async () => {
    if (await disk.measure()) spool.measured();
  };

  /** Returns the space for two segments, or for one if the spool cannot hold two. */
  const leastFloorOf = (size: number) => {
    const segmentBytes = segmentBytesOf(size, leastSegmentBytes);
    return Math.min(size, Math.max(segmentBytes, Math.min(floorSegments * segmentBytes, maxBytes)));
  };
  /** Returns the whole size for a file of the store, because that stays in place. */
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
          const measuring = setInterval(() => void measure(), measureEveryMs);
          try {
            await measure();
            room = await spool.enter({ floorBytes, freeOne, signal });
            await claim?.take(isSizeUnknown ? floorBytes : size, signal);
            const { take } = room;
            return {
              ...room,
              async take(...request) {
                await measure();
                return take(...request);
              },
            };
          } catch (error) {
            leave();
            throw error;
          } finally {
            clearInterval(measuring);
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
      await Promise.all([options.disk?.admit(size), measure()]);
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
