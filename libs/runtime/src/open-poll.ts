// Polls for changes every few seconds. A failed poll changes nothing.

export interface PollOptions {
  /** The time from the end of one look to the start of the next. */
  readonly everyMs: number;
  readonly look: () => Promise<void>;
  /** `times` counts consecutive failures with this message. Log at one value only, so that an outage is one line. */
  readonly onFailure: (error: unknown, times: number) => void;
}

export interface Poll {
  /** Resolves after a look that began after the call. Never rejects, because `onFailure` gets the error. */
  look(): Promise<void>;
  /** Resolves when a running look has ended. No other one begins. */
  close(): Promise<void>;
}

/** The first look is after `everyMs`, or on request. Does not keep the process alive. The caller closes it. */
export function openPoll({ everyMs, look, onFailure }: PollOptions): Poll {
  let isClosed = false;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let message: string | undefined;
  let times = 0;
  let timer: NodeJS.Timeout | undefined;

  function wait(): void {
    if (!isClosed) timer = setTimeout(() => void lookSince(), everyMs).unref();
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    try {
      await look();
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

  /** A running look may have missed the latest change, so a new one follows it. */
  function lookSince(): Promise<void> {
    if (isClosed) return running ?? Promise.resolve();
    if (running === undefined) return (running = run());
    next ??= running.then(() => {
      next = undefined;
      return lookSince();
    });
    return next;
  }

  wait();
  return {
    look: lookSince,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
