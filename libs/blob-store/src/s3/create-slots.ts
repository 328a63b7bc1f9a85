// Limits the number of concurrent calls. Further calls wait in a queue, first in, first out.

/**
 * Waits for a free slot, runs `work`, and releases the slot when `work` settles. Rejects with the reason of `signal` if
 * `signal` aborts before `work` starts.
 */
export type InSlot = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

export function createSlots(count: number): InSlot {
  let free = count;
  const queue: (() => void)[] = [];

  function leave(): void {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  }

  async function enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const take = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        queue.splice(queue.indexOf(take), 1);
        reject(signal?.reason as Error);
      };
      queue.push(take);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  return async (work, signal) => {
    await enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
