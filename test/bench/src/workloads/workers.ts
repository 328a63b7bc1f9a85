// Measures how the throughput of cold blobs grows with the number of workers. Each is limited to a part of a core, so
// that all fit on one machine with the upstream, S3 and the clients.
import { sizedCluster, type SizedCluster } from '../contenders/sized-cluster.ts';
import { checkCpuLimits } from '../load/limit-cpu.ts';
import { limitNodes } from '../load/limit-nodes.ts';
import { watchCpu } from '../load/process-figures.ts';
import { pullAll } from '../load/pull-all.ts';
import type { Pull } from '../load/pull.ts';
import type { Figure, Run, Workload } from './workload.ts';

const cores = 0.15;
/** The first one is the base of the ratios. */
const clusters = [4, 2, 1].map((count) => sizedCluster('workers', count));
const size = 2 * 1024 * 1024;
/** Clients for each worker. With more, a worker of this size is so slow that others take its fetches over. */
const clientsEach = 8;
/** How often each client pulls a blob. All clients begin a pull at the same time. */
const pullsEach = 8;
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
      { length: clientsEach * cluster.nodes.length },
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
  const pulls = await Promise.all(Array.from({ length: pullsEach }, (_none, time) => addBlobs(`measured ${time}`)));
  await limitNodes(cluster.nodes, cores, ends);
  const before = await site.upstream.counts('/blobs/');
  const cpu = watchCpu(cluster.pids);
  let bytes = 0;
  let tookMs = 0;
  for (const each of pulls) {
    const pulled = await pullAll({ pulls: each });
    bytes += pulled.bytes;
    tookMs += pulled.tookMs;
  }
  const cpuSeconds = cpu.soFar();
  const after = await site.upstream.counts('/blobs/');
  return [
    { name: 'MB/s', value: bytes / tookMs / 1000, better: 'higher' },
    { name: 'cores used', value: (cpuSeconds / tookMs) * 1000, better: 'higher' },
    { name: 'CPU s/GB', value: cpuSeconds / (bytes / 1e9), better: 'lower' },
    { name: 'upstream bytes/byte', value: (after.bytes - before.bytes) / bytes, better: 'lower' },
  ];
}
