// Reuses read buffers: a new buffer per chunk costs three times the CPU of a reused one. The more of the budget is in use, the
// smaller they get. Beyond the budget they are very small. That is slower, but no reader waits for another. Two thousand slow
// clients take little more memory than a hundred.

export interface BufferPool {
  /**
   * Returns a buffer of `chunkBytes`, or smaller if the budget is short. It is about `mostBytes` large at most, but never very
   * small.
   */
  take(mostBytes?: number): Buffer;
  /** Returns a buffer to the pool. Its contents may be overwritten from now on. */
  give(buffer: Buffer): void;
  readonly usedBytes: number;
  /** The budget. Beyond it buffers are very small. */
  readonly maxBytes: number;
}

/** Half of this costs a tenth more CPU per gigabyte. */
export const chunkBytes = 512 * 1024;
/** The buffer size for each share of the budget that is in use, including the new buffer. */
const sizes = [
  { bytes: chunkBytes, upTo: 0.5 },
  { bytes: chunkBytes / 4, upTo: 0.75 },
  { bytes: chunkBytes / 32, upTo: 1 },
] as const;
const smallBytes = chunkBytes / 32;
const leastBytes = chunkBytes / 128;

export function createBufferPool(maxBytes: number): BufferPool {
  const free = new Map<number, Buffer[]>([...sizes.map(({ bytes }) => bytes), leastBytes].map((bytes) => [bytes, []]));
  const keptBytes = Math.min(maxBytes, 32 * chunkBytes);
  let used = 0;
  let kept = 0;

  function sizeFor(most: number): number {
    return sizes.find(({ bytes, upTo }) => bytes <= most && used + bytes <= maxBytes * upTo)?.bytes ?? leastBytes;
  }

  return {
    maxBytes,
    take(mostBytes = chunkBytes) {
      const bytes = sizeFor(Math.max(mostBytes, smallBytes));
      used += bytes;
      const reused = free.get(bytes)?.pop();
      if (reused === undefined) return Buffer.allocUnsafeSlow(bytes);
      kept -= bytes;
      return reused;
    },
    give(buffer) {
      used -= buffer.length;
      if (kept + buffer.length > keptBytes) return;
      kept += buffer.length;
      free.get(buffer.length)?.push(buffer);
    },
    get usedBytes() {
      return used;
    },
  };
}

type Room = Pick<BufferPool, 'usedBytes' | 'maxBytes'>;

/** Two chunks keep a lone reader busy: one is written out while the other is read. */
const loneChunks = 2;
/**
 * Nothing is read ahead for a lone reader that is slower than this, in bytes per second. The same applies when memory is short.
 */
const hurriedPace = 2 * 1024 * 1024;
const roomyFactor = 2;
const keepingFactor = 4;

/**
 * Returns how many chunks are read ahead for this number of readers. `pace` is that of a lone reader. While memory is free,
 * several readers may be further apart: their sockets read and write in bursts of megabytes.
 */
export function mostChunks(readers: number, pace: number, maxChunks: number, { usedBytes, maxBytes }: Room): number {
  if (readers === 1) return pace < hurriedPace || usedBytes * 2 > maxBytes ? 1 : loneChunks;
  return usedBytes * 2 < maxBytes ? maxChunks * roomyFactor : maxChunks;
}

/** Whether chunks that all readers have passed stay for readers that follow closely, while much memory is free. */
export function mayKeep(readers: number, { usedBytes, maxBytes }: Room): boolean {
  return readers > 1 && usedBytes * keepingFactor < maxBytes;
}
