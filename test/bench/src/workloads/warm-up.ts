// What is measured warm has been pulled before, and by as many clients as measure it: all of them have to get the right bytes.
import { pullAll } from '../load/pull-all.ts';
import type { Pull } from '../load/pull.ts';

export interface WarmUp {
  /** Pulled one after another at first, which fills a cache. */
  readonly pulls: readonly Pull[];
  /** Of each pull. */
  readonly clients?: number;
  /** Nothing is left to do then. */
  readonly isWarm: boolean;
}

/** Every digest is looked at. Rejects where any client gets anything else. */
export async function warmUp({ pulls, clients = 1, isWarm }: WarmUp): Promise<void> {
  if (isWarm) return;
  for (const pull of pulls) await pullAll({ pulls: [pull] });
  await pullAll({ pulls: pulls.flatMap((pull) => Array.from({ length: clients }, () => pull)) });
}
