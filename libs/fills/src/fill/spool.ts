// One sparse file per fill, with a map of the bytes present. Writers come at any offset, readers wait for the bytes they
// need and for nothing else.
import { open, rm } from 'node:fs/promises';
import { CacheError } from '@cistern/errors';

export interface Interval {
  readonly start: number;
  readonly endExclusive: number;
}

type Intervals = ReturnType<typeof createIntervals>;

export interface Spool extends SpoolFile {
  /** Reserves room for `moreBytes` more, but never more than the size; rejects as `SpoolDirectory.open`. */
  reserve(moreBytes: number, signal: AbortSignal): Promise<void>;
}

interface SpoolFile {
  readonly path: string;
  readonly size: number;
  readonly present: Pick<Intervals, 'runEnd' | 'firstGap' | 'covered'>;
  /**
   * Writes at `offset` and marks the bytes present when they are in the file. Bytes are written once only: what has been
   * hashed or read cannot change afterwards. Rejects with `store-unavailable` where the disk does not take them.
   */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Reads bytes that are present, at least one; `into` is not empty. */
  read(offset: number, into: Uint8Array): Promise<number>;
  /** Leaves the file to somebody else, who has moved it away: `close` then does not remove it. */
  leaveFile(): void;
  /** Idempotent; waits for reads and writes under way, then closes and removes the file. */
  close(): Promise<void>;
}

/**
 * `onClose` is called when the file is closed, also if it cannot be removed. Rejects with `store-unavailable` where the file cannot
 * be made.
 */
export async function openSpool(path: string, size: number, onClose: () => void): Promise<SpoolFile> {
  const present = createIntervals();
  const begun = createIntervals();
  const file = await open(path, 'wx+', 0o600).catch((error: unknown) => {
    throw notWritten(error);
  });
  let ownsFile = true;
  let closing: Promise<void> | undefined;
  const busy = new Set<Promise<unknown>>();

  const track = async <T>(operation: Promise<T>): Promise<T> => {
    busy.add(operation);
    try {
      return await operation;
    } finally {
      busy.delete(operation);
    }
  };

  return {
    path,
    size,
    present,
    async write(offset, chunks) {
      let end = offset;
      for (const chunk of chunks) end += chunk.length;
      const gap = begun.firstGap(offset, end);
      if (gap?.start !== offset || gap.endExclusive !== end) throw new Error('bytes of a spool are written once');
      begun.add(offset, end);
      const { bytesWritten } = await track(file.writev(chunks, offset)).catch((error: unknown) => {
        throw notWritten(error);
      });
      if (bytesWritten !== end - offset) throw notWritten(undefined);
      present.add(offset, end);
    },
    async read(offset, into) {
      const { bytesRead } = await track(file.read(into, 0, into.length, offset));
      if (bytesRead === 0) throw new CacheError('store-unavailable', 'A spool file was cut short.');
      return bytesRead;
    },
    leaveFile() {
      ownsFile = false;
    },
    close() {
      closing ??= (async () => {
        try {
          await Promise.allSettled(busy);
          await file.close();
          if (ownsFile) await rm(path, { force: true });
        } finally {
          onClose();
        }
      })();
      return closing;
    },
  };
}

function notWritten(cause: unknown): CacheError {
  const { code } = Object(cause) as NodeJS.ErrnoException;
  const isFull = code === undefined || code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull
    ? 'its file system is full. Free space there, or lower worker.spool.maxbytes'
    : `its file system reports ${code}`;
  const message = `The spool (worker.spool.directory) cannot take what upstream sends: ${why}.`;
  return new CacheError('store-unavailable', message, { cause, detail: { code }, retryable: true, isLocal: true });
}

/** A map of the bytes that are here: sorted, disjoint, half-open intervals. */
export function createIntervals() {
  let runs: Interval[] = [];
  return {
    add(start: number, endExclusive: number): void {
      if (endExclusive <= start) return;
      let merged: Interval = { start, endExclusive };
      const before: Interval[] = [];
      const after: Interval[] = [];
      for (const run of runs) {
        if (run.endExclusive < merged.start) before.push(run);
        else if (run.start > merged.endExclusive) after.push(run);
        else
          merged = {
            start: Math.min(run.start, merged.start),
            endExclusive: Math.max(run.endExclusive, merged.endExclusive),
          };
      }
      runs = [...before, merged, ...after];
    },
    /** The end of the run that holds `offset`; `offset` itself if none does. */
    runEnd: (offset: number): number =>
      runs.find((run) => run.start <= offset && offset < run.endExclusive)?.endExclusive ?? offset,
    /** The first interval missing within `[from, toExclusive)`. */
    firstGap(from: number, toExclusive: number): Interval | undefined {
      let start = from;
      for (const run of runs) {
        if (run.endExclusive <= start) continue;
        if (run.start > start)
          return start < toExclusive ? { start, endExclusive: Math.min(run.start, toExclusive) } : undefined;
        start = run.endExclusive;
      }
      return start < toExclusive ? { start, endExclusive: toExclusive } : undefined;
    },
    /** Bytes present. */
    get covered(): number {
      return runs.reduce((sum, run) => sum + run.endExclusive - run.start, 0);
    },
  };
}
