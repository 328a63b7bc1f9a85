// One sparse file per fill, with a map of the bytes present. Writers come at any offset, readers wait for the bytes they
// need and for nothing else.
import { open, rm } from 'node:fs/promises';
import { type Intervals, createIntervals } from './intervals.ts';

export interface Spool {
  readonly path: string;
  readonly size: number;
  readonly present: Pick<Intervals, 'runEnd' | 'firstGap' | 'covered'>;
  /** Writes at `offset` and marks the bytes present when they are in the file. */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Reads bytes that are present. */
  read(offset: number, into: Uint8Array): Promise<number>;
  /** Leaves the file to somebody else, who has moved it away: `close` then does not remove it. */
  leaveFile(): void;
  /** Idempotent; waits for reads and writes under way, then closes and removes the file. */
  close(): Promise<void>;
}

export async function openSpool(path: string, size: number, onClose: () => void): Promise<Spool> {
  const present = createIntervals();
  const file = await open(path, 'wx+', 0o600);
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
      let length = 0;
      for (const chunk of chunks) length += chunk.length;
      const { bytesWritten } = await track(file.writev(chunks, offset));
      if (bytesWritten !== length) throw new Error(`wrote ${bytesWritten} of ${length} bytes to the spool`);
      present.add(offset, offset + length);
    },
    async read(offset, into) {
      const { bytesRead } = await track(file.read(into, 0, into.length, offset));
      return bytesRead;
    },
    leaveFile() {
      ownsFile = false;
    },
    close() {
      closing ??= (async () => {
        await Promise.allSettled(busy);
        await file.close();
        if (ownsFile) await rm(path, { force: true });
        onClose();
      })();
      return closing;
    },
  };
}
