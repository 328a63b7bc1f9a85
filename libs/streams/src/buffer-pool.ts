// Reuses read buffers, because a new buffer per chunk costs three times the CPU of a reused one. The more of the memory budget is
// in use, the smaller are the buffers. Beyond the budget they are very small. Small buffers are slower, but no reader waits for
// memory. So two thousand slow clients take little more memory than a hundred.

export interface PooledBuffer {
  readonly bytes: Buffer;
  /** True if it counts towards the share of readers that are slow, or may be. Set by the pool. */
  isSlow: boolean;
}

export interface BufferPool {
  /**
   * Returns a buffer of `chunkBytes`, or a smaller one if little of the budget is left. `pace` is the speed of its readers in
   * bytes per second, and infinite while it is unknown. The buffer is for about one second, because slow readers would occupy a
   * larger one for long. Slow readers, and those of unknown pace, share half of the budget.
   */
  take(pace: number): PooledBuffer;
  /** Gives a buffer back to the pool. After this call, its contents can be overwritten or freed at any time. */
  give(buffer: PooledBuffer): void;
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
/** Beyond the budget. Smaller ones cost more CPU than their memory is worth, because the sockets of slow clients are large. */
const leastBytes = 6 * 1024;
/** The share of the budget for readers that are slow, or may be. */
const slowShare = 0.5;
/** In bytes per second. A slower reader is slow. */
const hurriedPace = 2 * 1024 * 1024;

export function createBufferPool(maxBytes: number): BufferPool {
  const free = new Map<number, PooledBuffer[]>(
    [...sizes.map(({ bytes }) => bytes), leastBytes].map((bytes) => [bytes, []]),
  );
  const keptBytes = Math.min(maxBytes, 32 * chunkBytes);
  let slowBytes = 0;
  let used = 0;
  let kept = 0;

  function sizeFor(most: number, isSlow: boolean): number {
    const fits = (bytes: number, upTo: number) =>
      used + bytes <= maxBytes * upTo && (!isSlow || slowBytes + bytes <= maxBytes * slowShare * upTo);
    return sizes.find(({ bytes, upTo }) => bytes <= most && fits(bytes, upTo))?.bytes ?? leastBytes;
  }

  function takeOf(bytes: number): PooledBuffer {
    const reused = free.get(bytes)?.pop();
    if (reused === undefined) {
      shrink(bytes);
      return { bytes: Buffer.allocUnsafeSlow(bytes), isSlow: false };
    }
    kept -= bytes;
    return reused;
  }

  /** Frees kept buffers, the largest first, until one more of `wanted` bytes has its place. */
  function shrink(wanted: number): void {
    for (const [bytes, buffers] of free) {
      while (used + kept > maxBytes || kept + wanted > keptBytes) {
        const buffer = buffers.pop();
        if (buffer === undefined) break;
        kept -= bytes;
        freeMemory(buffer);
      }
    }
  }

  return {
    maxBytes,
    take(pace) {
      const isSlow = pace < hurriedPace || pace === Number.POSITIVE_INFINITY;
      const bytes = sizeFor(Math.max(pace, smallBytes), isSlow);
      used += bytes;
      const buffer = takeOf(bytes);
      buffer.isSlow = isSlow;
      if (isSlow) slowBytes += bytes;
      return buffer;
    },
    give(buffer) {
      const { length } = buffer.bytes;
      used -= length;
      if (buffer.isSlow) slowBytes -= length;
      const isExcess = length > leastBytes && used + kept + length > maxBytes;
      if (isExcess || kept + length > keptBytes) {
        freeMemory(buffer);
        return;
      }
      kept += length;
      free.get(length)?.push(buffer);
    },
    get usedBytes() {
      return used;
    },
  };
}

/** Frees the memory of a buffer at once. Otherwise it stays until V8 collects garbage, which may be a minute later. */
function freeMemory({ bytes: { buffer } }: PooledBuffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Like `subarray`, but makes no object for the whole buffer. A slow client would hold it for long. */
export function partOf(buffer: Buffer, start: number, end: number): Buffer {
  return start === 0 && end >= buffer.length ? buffer : buffer.subarray(start, end);
}

type Room = Pick<BufferPool, 'usedBytes' | 'maxBytes'>;

/** Two chunks keep a lone reader busy, because one is sent to the client while the other is read. */
const loneChunks = 2;
const roomyFactor = 2;
const keepingFactor = 4;

/**
 * Returns how many chunks are read ahead for this number of readers. `pace` is the speed of a lone reader in bytes per second.
 * Nothing is read ahead for a slow one, or when more than half of the budget is in use. While memory is free, several readers are
 * allowed a larger distance, because their sockets read and write in bursts of megabytes.
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
