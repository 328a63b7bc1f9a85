// The end of an asker's wait, whatever happens to what it waits for.

export interface Deadline {
  readonly timeoutMs: number;
  /** Any of them ends the wait, with its own reason. */
  readonly signals: readonly AbortSignal[];
  /** What the wait rejects with when its time is up. */
  readonly tooLate: () => Error;
}

/** Leaves neither timer nor listener behind. `body` is told of the end by its own signal and may take its time then. */
export async function withDeadline<T>(deadline: Deadline, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, signals, tooLate } = deadline;
  for (const signal of signals) signal.throwIfAborted();
  const end = new AbortController();
  const ended = Promise.withResolvers<never>();
  const onAbort = ({ target }: Event): void => end.abort((target as AbortSignal).reason);
  const timer = setTimeout(() => end.abort(tooLate()), timeoutMs);
  end.signal.addEventListener('abort', () => ended.reject(end.signal.reason));
  for (const signal of signals) signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([ended.promise, body(end.signal)]);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
