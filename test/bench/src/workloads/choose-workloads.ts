// Chooses the workloads of a run.
import type { Workload } from './workload.ts';

export interface Choice {
  /** Names, or their beginnings up to a `-`. Without any, all workloads of the mode run. */
  readonly only: readonly string[];
  readonly isFull: boolean;
}

/** Keeps the order of `all`. Throws on an unknown name. */
export function chooseWorkloads(all: readonly Workload[], { only, isFull }: Choice): Workload[] {
  const names = all.map(({ name }) => name);
  for (const wanted of only)
    if (!names.some((name) => isMeant(name, wanted)))
      throw new Error(`There is no workload "${wanted}". The workloads are ${names.join(', ')}`);
  return all.filter(({ name, mode }) =>
    only.length > 0 ? only.some((wanted) => isMeant(name, wanted)) : isFull || mode === 'quick',
  );
}

function isMeant(name: string, wanted: string): boolean {
  return name === wanted || name.startsWith(`${wanted}-`);
}

/** Leaves out workloads that this machine cannot run, and prints why. Rejects if the user has named them. */
export async function keepRunnable(
  chosen: readonly Workload[],
  { only }: Pick<Choice, 'only'>,
  print: (text: string) => void,
): Promise<Workload[]> {
  const kept: Workload[] = [];
  for (const workload of chosen) {
    try {
      await workload.check?.();
      kept.push(workload);
    } catch (error) {
      const text = `${workload.name} cannot run here: ${error instanceof Error ? error.message : String(error)}`;
      if (only.length > 0) throw new Error(text, { cause: error });
      print(`skipping a workload: ${text}`);
    }
  }
  return kept;
}
