// Uploads that could not be dropped when it was time, because the server was away: dropped when it is back. What is left at
// the end of the process is the sweeper's.

export interface LaterDrops {
  add(drop: () => Promise<void>): void;
  close(): void;
}

const retryEveryMs = 5000;
/** Of an outage that brings more, the rest is the sweeper's too. */
const maxWaiting = 10_000;

export function createLaterDrops(): LaterDrops {
  const waiting = new Set<() => Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function schedule(): void {
    if (isClosed || waiting.size === 0) return;
    timer ??= setTimeout(() => void dropAll().finally(schedule), retryEveryMs).unref();
  }

  /** Until one fails. */
  async function dropAll(): Promise<void> {
    timer = undefined;
    for (const drop of waiting) {
      try {
        await drop();
      } catch {
        return;
      }
      waiting.delete(drop);
    }
  }

  return {
    add(drop) {
      if (waiting.size < maxWaiting) waiting.add(drop);
      schedule();
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
