// Transfers stored blobs again and again over some connections.
import { watchCpu } from '../load/process-figures.ts';
import { wrk } from '../load/wrk.ts';
import { warmUp } from './warm-up.ts';
import type { Figure, Run } from './workload.ts';

const repository = 'library/bench';

export interface Transfer {
  /** One blob for all connections, or one for each. */
  readonly blobs: number;
  /** Size of each blob in bytes. */
  readonly size: number;
  readonly seed: string;
  readonly connections: number;
  /** Whether to report also the CPU time including the load balancer. */
  readonly isBalanced?: boolean;
}

export async function transferBlobs(run: Run, transfer: Transfer): Promise<readonly Figure[]> {
  const { url: base, pids, balancerPids } = await run.contender();
  const { blobs, size, seed, connections } = transfer;
  const paths: string[] = [];
  const pulls = [];
  for (let number = 0; number < blobs; number += 1) {
    const { digest } = await run.site.upstream.addBlob(repository, { size, seed: `${seed} ${number}` });
    paths.push(`/v2/${repository}/blobs/${digest}`);
    pulls.push({ url: base + paths.at(-1)!, digest, size });
  }
  await warmUp({ pulls, clients: connections / blobs, isWarm: run.isWarm });
  const [cpu, balancerCpu] = [watchCpu(pids), watchCpu(balancerPids ?? [])];
  // The load lasts long enough for some blobs of any size to end.
  const load = { url: base + paths[0]!, connections, seconds: Math.max(run.seconds, Math.ceil(size / 100e6)) };
  const { bytes, seconds } = await wrk(blobs > 1 ? { ...load, paths } : load);
  const [gigabytes, own] = [bytes / 1e9, cpu.soFar()];
  const figures: Figure[] = [
    { name: 'MB/s', value: bytes / seconds / 1e6, better: 'higher' },
    { name: 'CPU s/GB', value: own / gigabytes, better: 'lower' },
  ];
  if (transfer.isBalanced !== true) return figures;
  const withBalancer = (own + balancerCpu.soFar()) / gigabytes;
  return [...figures, { name: 'CPU s/GB with haproxy', value: withBalancer, better: 'lower' }];
}
