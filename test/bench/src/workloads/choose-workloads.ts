// Which of the workloads a run has.
import type { Workload } from './workload.ts';

export interface Choice {
  /** Names, or their beginnings up to a `-`; none: all of the mode. */
  readonly only: readonly string[];
  readonly isFull: boolean;
}

/** In their own order. Throws on a name that none has. */
export function chooseWorkloads(all: readonly Workload[], { only, isFull }: Choice): Workload[] {
  const names = all.map(({ name }) => name);
  for (const wanted of only)
    if (!names.some((name) => isMeant(name, wanted)))
      throw new Error(`no workload "${wanted}"; there are ${names.join(', ')}`);
  return all.filter(({ name, mode }) =>
    only.length > 0 ? only.some((wanted) => isMeant(name, wanted)) : isFull || mode === 'quick',
  );
}

function isMeant(name: string, wanted: string): boolean {
  return name === wanted || name.startsWith(`${wanted}-`);
}
