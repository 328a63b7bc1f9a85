// Read buffers, reused: a fresh 256 KiB buffer per chunk costs three times the CPU of a reused one. Beyond the budget
// readers get small buffers of their own instead of waiting for one another: slower, but nobody can be starved.

export interface BufferPool {
  /** A buffer of `chunkBytes`, or a small one when the budget is spent. */
  take(): Buffer;
  /** Gives a buffer back; its contents may be overwritten from now on. */
  give(buffer: Buffer): void;
  readonly usedBytes: number;
  /** Beyond which buffers are small. */
  readonly maxBytes: number;
}

export const chunkBytes = 256 * 1024;
const smallBytes = 16 * 1024;

export function createBufferPool(maxBytes: number): BufferPool {
  const free: Buffer[] = [];
  const keptBytes = Math.min(maxBytes, 64 * chunkBytes);
  let used = 0;
  return {
    maxBytes,
    take() {
      const buffer =
        used + chunkBytes > maxBytes
          ? Buffer.allocUnsafeSlow(smallBytes)
          : (free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes));
      used += buffer.length;
      return buffer;
    },
    give(buffer) {
      used -= buffer.length;
      if (buffer.length === chunkBytes && free.length * chunkBytes < keptBytes) free.push(buffer);
    },
    get usedBytes() {
      return used;
    },
  };
}
