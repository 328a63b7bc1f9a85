// What is measured warm has been pulled before, and by as many clients as measure it: all of them have to get the right bytes.
import { pullAll } from '../load/pull-all.ts';
import type { Pull } from '../load/pull.ts';

export interface WarmUp {
  /** Pulled one after another at first, which fills a cache. */
  readonly pulls: readonly Pull[];
  /** Of each pull. */
  readonly clients?: number;
  /** From 0: digests are checked under load in the first one. */
  readonly round: number;
}

/** Rejects where any client gets anything else. */
export async function warmUp({ pulls, clients = 1, round }: WarmUp): Promise<void> {
  for (const pull of pulls) await pullAll({ pulls: [pull] });
  if (round > 0) return;
  await pullAll({ pulls: pulls.flatMap((pull) => Array.from({ length: clients }, () => pull)) });
}
