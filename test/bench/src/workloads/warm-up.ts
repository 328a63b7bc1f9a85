// Warms a cache: pulls all blobs once, then with as many clients as the measurement, and checks all bytes.
import { pullAll } from '../load/pull-all.ts';
import type { Pull } from '../load/pull.ts';

export interface WarmUp {
  /** Blobs that are first pulled one after another, which fills a cache. */
  readonly pulls: readonly Pull[];
  /** Number of clients of each pull. */
  readonly clients?: number;
  /** Skips the warm-up. */
  readonly isWarm: boolean;
}

/** Checks every digest. Rejects if any client gets wrong bytes. */
export async function warmUp({ pulls, clients = 1, isWarm }: WarmUp): Promise<void> {
  if (isWarm) return;
  for (const pull of pulls) await pullAll({ pulls: [pull] });
  await pullAll({ pulls: pulls.flatMap((pull) => Array.from({ length: clients }, () => pull)) });
}
