// Limits how long a caller waits for a result.

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

/** Resolves to true if `ending` settles within `ms` milliseconds, otherwise to false. */
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
 * Works as `setTimeout`, but ignores most of a pause of this process or its machine. A pause of any length counts as at
 * most a tenth of `ms`. After a pause Node.js fires timers before it reads the data that arrived meanwhile. So
 * `setTimeout` would fire although the other side has responded. Returns a function that cancels the timeout.
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
