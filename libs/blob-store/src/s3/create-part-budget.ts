// All memory in which parts of blobs wait for the server, for the whole store: whoever wants more than is left waits, in
// turn. A part is reserved whole before its first byte, so that no writer waits for more while it holds an unfinished one.

export interface PartBuffer {
  readonly bytes: Buffer;
  /** Gives the memory back; idempotent. */
  release(): void;
}

export type PartBudget = ReturnType<typeof createPartBudget>;

interface Waiting {
  readonly size: number;
  readonly grant: () => void;
}

export function createPartBudget(maxBytes: number) {
  let used = 0;
  let idle: Buffer[] = [];
  const queue: Waiting[] = [];

  function grantNext(): void {
    for (let next = queue[0]; next !== undefined && fits(next.size); next = queue[0]) {
      queue.shift();
      next.grant();
    }
  }

  function fits(size: number): boolean {
    return used === 0 || used + size <= maxBytes;
  }

  function lend(size: number): PartBuffer {
    used += size;
    if (idle[0]?.byteLength !== size) idle = [];
    const bytes = idle.pop() ?? Buffer.allocUnsafeSlow(size);
    let released = false;
    return {
      bytes,
      release() {
        if (released) return;
        released = true;
        used -= size;
        // The next part takes it over: garbage of this size piles up until it is collected.
        idle.push(bytes);
        grantNext();
        if (used === 0) idle = [];
      },
    };
  }

  return {
    /** Resolves when `size` bytes are free, or no other writer holds any; rejects when `signal` fires. */
    async take(size: number, signal: AbortSignal): Promise<PartBuffer> {
      signal.throwIfAborted();
      if (queue.length === 0 && fits(size)) return lend(size);
      return new Promise((resolve, reject) => {
        const waiting: Waiting = {
          size,
          grant: () => {
            signal.removeEventListener('abort', leave);
            resolve(lend(size));
          },
        };
        function leave(): void {
          queue.splice(queue.indexOf(waiting), 1);
          reject(signal.reason as Error);
          grantNext();
        }
        queue.push(waiting);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
  };
}
