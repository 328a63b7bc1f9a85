// How long a registry is left alone that has answered too many requests: longer each time it says so again.

export interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Pauses in a row. */
  readonly count: number;
}

const firstMs = 5_000;
const longestMs = 5 * 60_000;
/** A registry that has let requests pass for so long has forgiven. */
const forgivenAfterMs = 10 * 60_000;

/** `undefined`: the refusal is one of those for which it is left alone already. `random`: from 0 to 1. */
export function nextPause(
  known: Pause | undefined,
  refusal: { readonly askedAtMs: number; readonly retryAfterMs: number | undefined },
  { nowMs, random }: { readonly nowMs: number; readonly random: number },
): Pause | undefined {
  if (known !== undefined && refusal.askedAtMs < known.untilMs && (refusal.retryAfterMs ?? 0) <= known.untilMs - nowMs)
    return undefined;
  const isRepeated = known !== undefined && nowMs - known.untilMs < forgivenAfterMs;
  const count = isRepeated ? known.count + 1 : 1;
  const waitMs = Math.max(refusal.retryAfterMs ?? 0, Math.min(firstMs * 2 ** (count - 1), longestMs));
  return { sinceMs: nowMs, untilMs: nowMs + Math.round(waitMs * (1 + random / 4)), count };
}

export function laterPause(one: Pause | undefined, other: Pause | undefined): Pause | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.untilMs > one.untilMs ? other : one;
}

export function pauseTtlMs({ untilMs }: Pause, nowMs: number): number {
  return untilMs - nowMs + forgivenAfterMs;
}
