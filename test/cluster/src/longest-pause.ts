import type { HerdEnd, HerdPlan } from '@cistern/herds';

/**
 * The longest time in milliseconds that a client waited for a byte. Clients that read slowly on purpose do not count.
 */
export function longestPause(ends: readonly HerdEnd[], { special }: HerdPlan): number {
  const fast = ends.filter(({ client }) => special?.[client]?.bytesPerSecond === undefined);
  return Math.round(Math.max(...fast.map(({ longestPauseMs }) => longestPauseMs)));
}
