// Limits on how long an answer is waited for.

/** Settles as `promise` does, or rejects after `limitMs`. What `promise` does later is not looked at. */
export async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether it ends, well or badly, before that many milliseconds have passed. */
export function endsWithin(ending: Promise<unknown>, ms: number): Promise<boolean> {
  return within(Promise.allSettled([ending]), ms).then(
    () => true,
    () => false,
  );
}

/** For one of several callers that wait for the same: it may leave, and what it waited for goes on for the others. */
export function untilAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared;
  if (signal.aborted) {
    shared.catch(() => {});
    return Promise.reject(signal.reason as Error);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

const steps = 10;

/**
 * As `setTimeout`, for a time limit that counts only while this process runs itself: a standstill of whatever length costs a
 * tenth of `ms` at most. A process that was stopped, or starved with its machine, has waited for no other, and Node fires its
 * timers before it reads what has come meanwhile. Returns what cancels it.
 */
export function setAwakeTimeout(callback: () => void, ms: number): () => void {
  let left = steps;
  let timer = setTimeout(step, ms / steps);
  function step(): void {
    left -= 1;
    if (left === 0) callback();
    else timer = setTimeout(step, ms / steps);
  }
  return () => clearTimeout(timer);
}
