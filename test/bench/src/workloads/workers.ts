// Measures how the throughput of cold blobs grows with the number of workers. Each is limited to a part of a core, so
// that all fit on one machine with the upstream, S3 and the clients.
import { sizedCluster, type SizedCluster } from '../contenders/sized-cluster.ts';
import { checkCpuLimits } from '../load/limit-cpu.ts';
import { limitNodes } from '../load/limit-nodes.ts';
import { watchCpu } from '../load/process-figures.ts';
import { pullAll } from '../load/pull-all.ts';
import type { Pull } from '../load/pull.ts';
import type { Figure, Run, Workload } from './workload.ts';

const cores = 0.1;
/** The first one is the base of the ratios. */
const clusters = [4, 2, 1].map((count) => sizedCluster('workers', count));
const size = 2 * 1024 * 1024;
/** Blobs for each worker, and so the number of clients too. */
const blobsEach = 32;
/** CPU seconds after which the code of a worker is compiled. */
const compiledAfterSeconds = 6;
const mostWarmUps = 16;
const repository = 'library/bench';

export const workers: Workload = {
  name: 'workers',
  title: `Cold blobs of 2 MiB, each worker limited to ${cores} of a core (as root, on Linux)`,
  headline: 'MB/s',
  mode: 'full',
  contenders: clusters,
  mostRounds: 3,
  check: checkCpuLimits,
  run: (run) =>
    pullThrough(
      run,
      clusters.find((one) => one === run.kind)!,
    ),
};

async function pullThrough({ site, round }: Run, kind: SizedCluster): Promise<readonly Figure[]> {
  await using ends = new AsyncDisposableStack();
  const cluster = ends.adopt(await kind.start(site), (started) => started.close());
  const addBlobs = async (part: string): Promise<Pull[]> => {
    const seeds = Array.from(
      { length: blobsEach * cluster.nodes.length },
      (_none, blob) => `workers ${part} ${round} ${blob}`,
    );
    const pulls: Pull[] = [];
    for (const seed of seeds) {
      const { digest } = await site.upstream.addBlob(repository, { size, seed });
      pulls.push({ url: `${cluster.url}/v2/${repository}/blobs/${digest}`, digest, size });
    }
    return pulls;
  };
  const usages = cluster.pids.map((pid) => watchCpu([pid]));
  const isCompiled = () => usages.every((used) => used.soFar() >= compiledAfterSeconds);
  for (let time = 0; time < mostWarmUps && !isCompiled(); time += 1)
    await pullAll({ pulls: await addBlobs(`compiled ${time}`) });
  const pulls = await addBlobs('measured');
  await limitNodes(cluster.nodes, cores, ends);
  const before = await site.upstream.counts('/blobs/');
  const cpu = watchCpu(cluster.pids);
  const { bytes, tookMs } = await pullAll({ pulls });
  const cpuSeconds = cpu.soFar();
  const after = await site.upstream.counts('/blobs/');
  return [
    { name: 'MB/s', value: bytes / tookMs / 1000, better: 'higher' },
    { name: 'cores used', value: (cpuSeconds / tookMs) * 1000, better: 'higher' },
    { name: 'CPU s/GB', value: cpuSeconds / (bytes / 1e9), better: 'lower' },
    { name: 'upstream bytes/byte', value: (after.bytes - before.bytes) / bytes, better: 'lower' },
  ];
}
