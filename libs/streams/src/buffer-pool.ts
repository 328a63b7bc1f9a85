// Read buffers, reused: a fresh buffer per chunk costs three times the CPU of a reused one. The more of the budget is
// taken, the smaller they get, and beyond it they are very small: slower, but nobody waits for another, and two thousand slow
// clients take little more than a hundred.

export interface BufferPool {
  /** A buffer of `chunkBytes`, or as large as is left for one; about `mostBytes` large at most, but never very small. */
  take(mostBytes?: number): Buffer;
  /** Gives a buffer back; its contents may be overwritten from now on. */
  give(buffer: Buffer): void;
  readonly usedBytes: number;
  /** Beyond which buffers are very small. */
  readonly maxBytes: number;
}

/** Half of this is a tenth more CPU for a gigabyte. */
export const chunkBytes = 512 * 1024;
/** How large a buffer is while less than so much of the budget would be taken with it. */
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

/** Two chunks keep a lone reader busy: one being written out, one being read. */
const loneChunks = 2;
/** Nothing is read ahead for a lone reader that is slower than this, in bytes a second. Nor where there is little room. */
const hurriedPace = 2 * 1024 * 1024;
const roomyFactor = 2;
const keepingFactor = 4;

/**
 * How many chunks are read ahead for so many readers, of which a lone one reads at `pace`. While there is room to spare, a herd
 * may be further apart: its sockets take and give in bursts of megabytes.
 */
export function mostChunks(readers: number, pace: number, maxChunks: number, { usedBytes, maxBytes }: Room): number {
  if (readers === 1) return pace < hurriedPace || usedBytes * 2 > maxBytes ? 1 : loneChunks;
  return usedBytes * 2 < maxBytes ? maxChunks * roomyFactor : maxChunks;
}

/** Whether chunks that all readers have passed stay for those who come a moment later, as in a herd, while there is much room. */
export function mayKeep(readers: number, { usedBytes, maxBytes }: Room): boolean {
  return readers > 1 && usedBytes * keepingFactor < maxBytes;
}
