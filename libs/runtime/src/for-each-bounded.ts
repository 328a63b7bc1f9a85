// Processes a listing with bounded concurrency.

export interface ForEachBoundedOptions {
  readonly atOnce: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `action` with each item; at most `atOnce` calls run at the same time. Rejects with the first error of a call or
 * of `items`, or with the signal's reason, but only after all running calls have ended.
 */
export async function forEachBounded<T>(
  items: AsyncIterable<T> | Iterable<T>,
  { atOnce, signal }: ForEachBoundedOptions,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const item of items) {
      signal?.throwIfAborted();
      const call = action(item)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(call));
      running.add(call);
      if (running.size >= atOnce) await Promise.race(running);
      if (failure !== undefined) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failure !== undefined) throw failure.error;
}
