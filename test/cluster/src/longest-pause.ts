import type { HerdEnd, HerdPlan } from '@cistern/herds';

/** Milliseconds without a byte, of the client that had to wait longest; those that read slowly on purpose do not count. */
export function longestPause(ends: readonly HerdEnd[], { special }: HerdPlan): number {
  const fast = ends.filter(({ client }) => special?.[client]?.bytesPerSecond === undefined);
  return Math.round(Math.max(...fast.map(({ longestPauseMs }) => longestPauseMs)));
}
