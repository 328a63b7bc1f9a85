// Limits the time of waiting for a result.

/** Settles as `promise` does, or rejects after `limitMs`. A later result of `promise` is ignored. */
export async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no response within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with whether `ending` settles within `ms` milliseconds. */
export function endsWithin(ending: Promise<unknown>, ms: number): Promise<boolean> {
  return within(Promise.allSettled([ending]), ms).then(
    () => true,
    () => false,
  );
}

/** Lets one of several callers of a shared promise stop waiting. The promise continues for the others. */
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
 * Works as `setTimeout`, but counts only the time in which this process runs. A standstill of any length costs at most
 * a tenth of `ms`. A process that was stopped, or starved with its machine, has not waited for another one. Node fires
 * its timers before it reads data that arrived meanwhile. Returns a function that cancels the timeout.
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
