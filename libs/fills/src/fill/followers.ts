// Who reads from a fill now. The fill needs none of them, but its file stays for them, and a fill of which only ranges
// are wanted ends when nobody has come for a while.

export interface Followers {
  readonly count: number;
  /** Returns the function to be called when the follower has left. */
  enter(): () => void;
  /** Calls `onIdle`, once, when there has been no follower for `ms`. */
  watchIdle(ms: number, onIdle: () => void): void;
  stopWatching(): void;
  /** Resolves when there has been no follower for `quietMs`, after `maxMs`, or when `signal` is aborted. */
  gone(quietMs: number, maxMs: number, signal: AbortSignal): Promise<void>;
  /** Calls `onNone`, once, as soon as there is no follower. */
  whenNone(onNone: () => void): void;
}

export function createFollowers(): Followers {
  let count = 0;
  let idle: { readonly ms: number; readonly onIdle: () => void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let onNone: (() => void) | undefined;

  const look = () => {
    clearTimeout(timer);
    if (count > 0) return;
    onNone?.();
    onNone = undefined;
    if (idle !== undefined) timer = setTimeout(idle.onIdle, idle.ms);
  };

  const watchIdle = (ms: number, onIdle: () => void) => {
    idle = { ms, onIdle };
    look();
  };
  const stopWatching = () => {
    idle = undefined;
    clearTimeout(timer);
  };

  return {
    get count() {
      return count;
    },
    enter() {
      count += 1;
      clearTimeout(timer);
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        count -= 1;
        look();
      };
    },
    watchIdle,
    stopWatching,
    async gone(quietMs, maxMs, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const onAbort = () => resolve();
      const longest = setTimeout(resolve, maxMs);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) resolve();
      watchIdle(quietMs, resolve);
      await promise;
      stopWatching();
      clearTimeout(longest);
      signal.removeEventListener('abort', onAbort);
    },
    whenNone(callback) {
      onNone = callback;
      look();
    },
  };
}
