// Which of the workloads a run has.
import type { Workload } from './workload.ts';

export interface Choice {
  /** Names; none: all of the mode. */
  readonly only: readonly string[];
  readonly isFull: boolean;
}

/** In their own order. Throws on a name that none has. */
export function chooseWorkloads(all: readonly Workload[], { only, isFull }: Choice): Workload[] {
  const names = all.map(({ name }) => name);
  for (const name of only)
    if (!names.includes(name)) throw new Error(`no workload "${name}"; there are ${names.join(', ')}`);
  return all.filter(({ name, mode }) => (only.length > 0 ? only.includes(name) : isFull || mode === 'quick'));
}
