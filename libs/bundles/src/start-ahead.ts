// Starts what will be needed soon, so that it is under way when its turn comes.

/** Yields what `start` makes of each item, in their order, with up to `ahead` more started. */
export async function* startAhead<T, R>(
  items: readonly T[],
  ahead: number,
  start: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const started: Promise<R>[] = [];
  let next = 0;
  for (let at = 0; at < items.length; at += 1) {
    for (; next < items.length && next <= at + ahead; next += 1) {
      const result = start(items[next]!);
      // Of one whose turn never comes nobody hears.
      result.catch(() => {});
      started.push(result);
    }
    yield await started.shift()!;
  }
}
