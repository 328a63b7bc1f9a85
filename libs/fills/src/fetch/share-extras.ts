// Shares the extra connections of a host among the fills that can use them, as evenly as possible.

export interface Sharer {
  /** The most connections that the fill is allowed, including the first. */
  readonly max: number;
  readonly mayProbe: () => boolean;
  /** True if something other than the host limits the fill. The fill keeps its connections and gets no more. */
  readonly isBlocked: boolean;
  /** Connections beyond the first. */
  extras: number;
}

/**
 * Distributes `spare` connections, makes the shares as equal as possible, and returns the number of connections that no fill
 * can use.
 */
export function shareExtras(sharers: readonly Sharer[], spare: number): number {
  let left = spare;
  for (const one of sharers) {
    if (one.mayProbe()) continue;
    left += one.extras;
    one.extras = 0;
  }
  for (;;) {
    const poorest = poorestOf(sharers.filter(canTakeMore));
    if (poorest === undefined) return left;
    if (left > 0) left -= 1;
    else {
      const richest = richestOf(sharers);
      if (richest === undefined || richest.extras < poorest.extras + 2) return left;
      richest.extras -= 1;
    }
    poorest.extras += 1;
  }
}

export function canTakeMore({ max, mayProbe, isBlocked, extras }: Sharer): boolean {
  return mayProbe() && !isBlocked && 1 + extras < max;
}

/** Returns the first one if several have equally few. */
export function poorestOf<T extends Sharer>(sharers: readonly T[]): T | undefined {
  return sharers.toSorted((one, other) => one.extras - other.extras)[0];
}

export function richestOf<T extends Sharer>(sharers: readonly T[]): T | undefined {
  return sharers.toSorted((one, other) => other.extras - one.extras)[0];
}
