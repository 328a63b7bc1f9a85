// Reuses read buffers, because a new buffer per chunk costs three times the CPU of a reused one. The more of the memory budget is
// in use, the smaller are the buffers. Beyond the budget they are very small. Small buffers are slower, but no reader waits for
// memory. So two thousand slow clients take little more memory than a hundred.

export interface BufferPool {
  /**
   * Returns a buffer of `chunkBytes`, or a smaller one if little of the budget is left. A smaller `mostBytes` gives a smaller
   * buffer, but does not cause the very small size.
   */
  take(mostBytes?: number): Buffer;
  /** Gives a buffer back to the pool. After this call, its contents can be overwritten at any time. */
  give(buffer: Buffer): void;
  readonly usedBytes: number;
  /** The memory budget. When it is used up, new buffers are very small. */
  readonly maxBytes: number;
}

/** The normal buffer size. Buffers of half this size cost a tenth more CPU per gigabyte. */
export const chunkBytes = 512 * 1024;
/** A buffer of `bytes` is returned if, together with it, no more than the share `upTo` of the budget is in use. */
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

/** Two chunks keep a lone reader busy, because one is sent to the client while the other is read. */
const loneChunks = 2;
/**
 * In bytes per second. For a lone reader that is slower than this, nothing is read ahead. The same applies when more than half of
 * the budget is in use.
 */
const hurriedPace = 2 * 1024 * 1024;
const roomyFactor = 2;
const keepingFactor = 4;

/**
 * Returns how many chunks are read ahead for this number of readers. `pace` is the speed of a lone reader in bytes per second.
 * While memory is free, several readers are allowed a larger distance, because their sockets read and write in bursts of
 * megabytes.
 */
export function mostChunks(readers: number, pace: number, maxChunks: number, { usedBytes, maxBytes }: Room): number {
  if (readers === 1) return pace < hurriedPace || usedBytes * 2 > maxBytes ? 1 : loneChunks;
  return usedBytes * 2 < maxBytes ? maxChunks * roomyFactor : maxChunks;
}

/**
 * Returns whether chunks that all readers have passed stay in memory for readers that join shortly after. True only for several
 * readers, while much memory is free.
 */
export function mayKeep(readers: number, { usedBytes, maxBytes }: Room): boolean {
  return readers > 1 && usedBytes * keepingFactor < maxBytes;
}
