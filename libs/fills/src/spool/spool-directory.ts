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
  /** Size of the blob. If the size is unknown, this is the upper limit for reading. */
  readonly size: number;
}

interface SpoolEntry {
  readonly isSizeUnknown: boolean;
  /**
   * Frees a segment of this fill. `isForItself` is true if this fill needs the space, and false if another does. Returns false
   * if no segment can be freed.
   */
  readonly freeOne: (isForItself: boolean) => boolean;
  /** Returns the number of the fill's bytes that are in the spool. */
  readonly writtenBytes: () => number;
  /** Returns the number of the fill's bytes that are in the store. */
  readonly storedBytes: () => number;
  readonly signal: AbortSignal;
}

/** One fill's part of the spool. The caller closes it. */
export interface Spool {
  readonly files: SpoolFiles;
  readonly segmentBytes: number;
  /**
   * Waits up to half a minute for the small space that a fill needs to begin. Rejects with `overloaded` if the spool has no
   * space in that time. Rejects with `too-large` if the spool can never have enough, and with `store-unavailable` if the disk
   * of the store has no space.
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
   * Rejects if the disk of the store can never hold a blob of `size` bytes. Does not wait, and reserves nothing. Called before
   * the upstream request, so upstream has not confirmed the size.
   */
  admit(size: number): Promise<void>;
  /**
   * Returns the reason why a fill of `size` bytes would wait for space now, if the spool had only `share` of
   * `worker.spool.maxbytes`. `undefined` means that it would not wait.
   */
  findShortage(size: number, share?: number): CacheError | undefined;
  /** True if one file holds all segments of a fill and becomes the blob. In that case no segment is freed. */
  readonly isOneFile: boolean;
  /** The most bytes that one fill keeps here. */
  readonly perFillBytes: number;
  readonly usedBytes: number;
  /** Whether a fill waits for space. */
  readonly isWaitedFor: boolean;
  /** Resolves to the reason why no fill can begin, or to `undefined` if the spool's disk has space for one. Never rejects. */
  findFull(): Promise<string | undefined>;
}

export interface SpoolDirectoryOptions {
  /**
   * The most bytes that all fills keep here. Not used if `isOneFile` is true, because such files belong to the store and do not
   * count.
   */
  readonly maxBytes: number;
  readonly perFillBytes?: number | undefined;
  /** True if the directory belongs to the store, where a finished file becomes the blob by a rename. */
  readonly isOneFile?: boolean;
  /** Called after each change of `usedBytes`. */
  readonly onUsed?: (usedBytes: number) => void;
  /**
   * True if other processes use the same spool directory. If false, files of an earlier process are removed when the spool is
   * opened.
   */
  readonly isShared?: boolean;
  /** The space on the file system of the store. Unset means that there is always enough. */
  readonly disk?: DiskRoom | undefined;
  /** Measures the file system of the spool. Unset means that the file system has space for `maxBytes`. */
  readonly space?: (() => Promise<DiskSpace | undefined>) | undefined;
  /** The smallest segment size. Unset means the default, which all caches use. Tests set a smaller one. */
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
  /** Returns the whole size if one file holds the blob, because no part of that file is freed. */
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
    async findFull() {
      await measure();
      return disk.findShortage(floorSegments * leastSegmentBytes);
    },
  };
}
