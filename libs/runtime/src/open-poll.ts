// Looks for something new every few seconds. While looking fails the last value stays as it was.

export interface PollOptions {
  /** From the end of one look to the next. */
  readonly everyMs: number;
  readonly look: () => Promise<void>;
  /** `times`: how often in a row looking has failed with this message. Log at one of them, and an outage is one line. */
  readonly onFailure: (error: unknown, times: number) => void;
}

export interface Poll {
  /** Resolves after a look that has begun since. Never rejects: `onFailure` gets the reason. */
  look(): Promise<void>;
  /** Resolves when the look that is under way has ended. Another one never begins. */
  close(): Promise<void>;
}

/** The first look is after `everyMs`, or when it is called for. Does not keep the process alive. The caller closes it. */
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

  /** One that is under way may have overlooked what is new. */
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
