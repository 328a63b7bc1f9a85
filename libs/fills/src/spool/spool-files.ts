// The files of a running fill's segments. There are two layouts. Either each segment has its own file, which is removed when the
// segment is freed. Or there is one file, which holds all segments and becomes the blob by a rename.
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CacheError } from '@cistern/errors';

export interface SpoolFiles {
  /** The path of the one file that holds all segments. Unset if each segment has its own file. */
  readonly path: string | undefined;
  /** Rejects with `store-unavailable` if the disk does not accept the bytes. */
  write(segment: number, at: number, chunks: readonly Uint8Array[]): Promise<void>;
  /**
   * Reads bytes of `segment` from offset `at` on, which must be written. `into` must not be empty. Resolves to the number of
   * bytes read, which is at least one. Rejects if the segment's file has been removed.
   */
  read(segment: number, at: number, into: Uint8Array): Promise<number>;
  /**
   * Returns the file and the position of a byte, for a caller that opens the file itself. Valid until the segment's file is
   * removed.
   */
  locate(segment: number, at: number): { readonly path: string; readonly position: number };
  /**
   * Waits until running reads of the segment's own file have ended, then removes that file. Does nothing if one file holds all
   * segments.
   */
  drop(segment: number): Promise<void>;
  /** Called after the one file has been moved to its final place. `close` then does not remove it. */
  leaveFile(): void;
  /** Waits for running reads and writes, then closes and removes all remaining files. Idempotent. */
  close(): Promise<void>;
}

export interface SpoolFilesOptions {
  /**
   * The start of each file's path. A file with a single segment appends the segment's number, and every file appends `.fill`.
   */
  readonly path: string;
  readonly isOneFile: boolean;
  readonly segmentBytes: number;
}

const suffix = '.fill';

/** Whether a file was created by `openSpoolFiles`. */
export function isSpoolFile(name: string): boolean {
  return name.endsWith(suffix);
}

export function openSpoolFiles({ path, isOneFile, segmentBytes }: SpoolFilesOptions): SpoolFiles {
  const files = new Map<number, Promise<FileHandle>>();
  let ownsFile = true;
  let closing: Promise<void> | undefined;

  const keyOf = (segment: number) => (isOneFile ? 0 : segment);
  const pathOf = (key: number) => (isOneFile ? `${path}${suffix}` : `${path}.${key}${suffix}`);
  const offsetOf = (segment: number, at: number) => (isOneFile ? segment * segmentBytes + at : at);

  const openOnce = (segment: number): Promise<FileHandle> => {
    if (closing !== undefined) throw new Error('the spool was closed');
    const key = keyOf(segment);
    const file = files.get(key) ?? openNew(pathOf(key));
    files.set(key, file);
    return file;
  };

  const remove = async (key: number, file: Promise<FileHandle>) => {
    // Closing the handle waits for running reads and writes. If the file could not be created, there is nothing to close or
    // remove.
    const opened = await file.catch(() => undefined);
    await opened?.close();
    if (opened !== undefined && ownsFile) await rm(pathOf(key), { force: true });
  };

  return {
    path: isOneFile ? pathOf(0) : undefined,
    async write(segment, at, chunks) {
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      try {
        const file = await openOnce(segment);
        const { bytesWritten } = await file.writev(chunks, offsetOf(segment, at));
        if (bytesWritten === length) return;
      } catch (error) {
        throw notWritten(error);
      }
      throw notWritten(undefined);
    },
    async read(segment, at, into) {
      const file = await files.get(keyOf(segment));
      if (file === undefined) throw new Error('the segment does not exist any more');
      const { bytesRead } = await file.read(into, 0, into.length, offsetOf(segment, at));
      if (bytesRead === 0) throw new CacheError('store-unavailable', 'A spool file is shorter than expected.');
      return bytesRead;
    },
    locate: (segment, at) => ({ path: pathOf(keyOf(segment)), position: offsetOf(segment, at) }),
    async drop(segment) {
      const file = files.get(segment);
      if (isOneFile || file === undefined) return;
      files.delete(segment);
      await remove(segment, file);
    },
    leaveFile() {
      ownsFile = false;
    },
    close() {
      closing ??= (async () => {
        const left = [...files];
        files.clear();
        await Promise.all(left.map(async ([key, file]) => remove(key, file)));
      })();
      return closing;
    },
  };
}

async function openNew(path: string): Promise<FileHandle> {
  const openOnce = () => open(path, 'wx+', 0o600);
  return openOnce().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    // Some systems remove temporary directories that have been idle for days.
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return openOnce();
  });
}

function notWritten(cause: unknown): CacheError {
  const { code } = Object(cause) as NodeJS.ErrnoException;
  const isFull = code === undefined || code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull
    ? 'its file system is full. Free space there, or lower worker.spool.maxbytes'
    : `its file system reports ${code}`;
  const message = `The spool (worker.spool.directory) cannot store the bytes from upstream: ${why}.`;
  return new CacheError('store-unavailable', message, { cause, detail: { code }, retryable: true, isLocal: true });
}
