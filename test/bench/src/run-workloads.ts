// Starts the servers of the workloads, runs one workload after another, and stops everything.
import { openContenders } from './contenders/open-contenders.ts';
import { openSite } from './contenders/open-site.ts';
import { measure, type Measured } from './measure.ts';
import type { Options } from './options.ts';
import type { Workload } from './workloads/workload.ts';

export async function runWorkloads(
  workloads: readonly Workload[],
  { rounds, seconds, isFull }: Options,
  print: (text: string) => void,
): Promise<Measured[]> {
  await using ends = new AsyncDisposableStack();
  const site = await openSite(ends);
  const contenders = openContenders(site, print);
  const measured: Measured[] = [];
  try {
    for (const [position, workload] of workloads.entries()) {
      await contenders.keepOnly(workloads.slice(position).flatMap((later) => later.contenders));
      measured.push(await measure(workload, { site, contenders, rounds, seconds, isFull, print }));
    }
  } finally {
    await contenders.close();
  }
  return measured;
}
