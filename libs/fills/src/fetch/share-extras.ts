// Shares the extra connections of a host among the fills that can use them, as evenly as possible.

export interface Sharer {
  /** Connections in all. */
  readonly max: number;
  readonly mayProbe: () => boolean;
  /** Something else than the host limits it: it keeps what it has and gets no more. */
  readonly isHeldUp: boolean;
  /** Connections beyond the first. */
  extras: number;
}

/** Gives out `spare`, evens out, and returns how many are left over. */
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

export function canTakeMore({ max, mayProbe, isHeldUp, extras }: Sharer): boolean {
  return mayProbe() && !isHeldUp && 1 + extras < max;
}

/** The first of several. */
export function poorestOf<T extends Sharer>(sharers: readonly T[]): T | undefined {
  return sharers.toSorted((one, other) => one.extras - other.extras)[0];
}

export function richestOf<T extends Sharer>(sharers: readonly T[]): T | undefined {
  return sharers.toSorted((one, other) => other.extras - one.extras)[0];
}
