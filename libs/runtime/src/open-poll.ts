// Checks for changes at an interval. After a failed check the polling continues.

export interface PollOptions {
  /** The time from the end of one check to the start of the next. */
  readonly everyMs: number;
  readonly check: () => Promise<void>;
  /**
   * `times` counts consecutive failures with this message. Log only at one value of `times`, so that an outage writes
   * one log line.
   */
  readonly onFailure: (error: unknown, times: number) => void;
}

export interface Poll {
  /**
   * Checks now. Resolves at the end of a check that began after this call. Never rejects, because `onFailure` gets the
   * error.
   */
  check(): Promise<void>;
  /** Stops the polling. Resolves when a running check has ended. */
  close(): Promise<void>;
}

/**
 * Calls `check` at the interval `everyMs`, and when the caller requests it. The first call comes after `everyMs`. The
 * poll does not keep the process alive. The caller closes it.
 */
export function openPoll({ everyMs, check, onFailure }: PollOptions): Poll {
  let isClosed = false;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let message: string | undefined;
  let times = 0;
  let timer: NodeJS.Timeout | undefined;

  function wait(): void {
    if (!isClosed) timer = setTimeout(() => void checkAfter(), everyMs).unref();
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    try {
      await check();
      message = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      times = text === message ? times + 1 : 1;
      message = text;
      onFailure(error, times);
    }
    running = undefined;
    wait();
  }

  /** A running check may have missed the latest change, so another check follows it. */
  function checkAfter(): Promise<void> {
    if (isClosed) return running ?? Promise.resolve();
    if (running === undefined) return (running = run());
    next ??= running.then(() => {
      next = undefined;
      return checkAfter();
    });
    return next;
  }

  wait();
  return {
    check: checkAfter,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
