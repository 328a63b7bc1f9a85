// Measures how the throughput of cold blobs grows with the number of workers. Each is limited to a part of a core, so
// that all fit on one machine with the upstream, S3 and the clients.
import { startCluster } from '@cistern/test-servers';
import type { ContenderKind, Site } from '../contenders/contender.ts';
import { checkCpuLimits } from '../load/limit-cpu.ts';
import { limitNodes } from '../load/limit-nodes.ts';
import { watchCpu } from '../load/process-figures.ts';
import { pullAll } from '../load/pull-all.ts';
import type { Pull } from '../load/pull.ts';
import type { Figure, Run, Workload } from './workload.ts';

const cores = 0.1;
/** The first one is the base of the ratios. */
const counts = [4, 2, 1];
const size = 2 * 1024 * 1024;
/** Blobs for each worker, and so the number of clients too. */
const blobsEach = 32;
/** CPU seconds after which the code of a worker is compiled. */
const compiledAfterSeconds = 6;
const mostWarmUps = 16;
const repository = 'library/bench';

const kinds = new Map(counts.map((count) => [kindOf(count), count]));

export const workers: Workload = {
  name: 'workers',
  title: `Cold blobs of 2 MiB, each worker limited to ${cores} of a core (as root, on Linux)`,
  headline: 'MB/s',
  mode: 'full',
  contenders: [...kinds.keys()],
  mostRounds: 3,
  check: checkCpuLimits,
  run: (run) => pullThrough(run, kinds.get(run.kind)!),
};

async function pullThrough({ site, round }: Run, count: number): Promise<readonly Figure[]> {
  await using ends = new AsyncDisposableStack();
  const cluster = ends.adopt(await startWorkers(site, count), (started) => started.close());
  const addBlobs = async (part: string): Promise<Pull[]> => {
    const seeds = Array.from({ length: blobsEach * count }, (_none, blob) => `workers ${part} ${round} ${blob}`);
    const pulls: Pull[] = [];
    for (const seed of seeds) {
      const { digest } = await site.upstream.addBlob(repository, { size, seed });
      pulls.push({ url: `${cluster.url}/v2/${repository}/blobs/${digest}`, digest, size });
    }
    return pulls;
  };
  const usages = cluster.workers.map(({ pid }) => watchCpu([pid]));
  const isCompiled = () => usages.every((used) => used.soFar() >= compiledAfterSeconds);
  for (let time = 0; time < mostWarmUps && !isCompiled(); time += 1)
    await pullAll({ pulls: await addBlobs(`compiled ${time}`) });
  const pulls = await addBlobs('measured');
  await limitNodes(cluster.workers, cores, ends);
  const before = await site.upstream.counts('/blobs/');
  const cpu = watchCpu(cluster.workers.map(({ pid }) => pid));
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

function kindOf(count: number): ContenderKind {
  return {
    name: `cistern-${count}-workers`,
    title: `Cistern, ${count} worker${count === 1 ? '' : 's'}`,
    start: (site) => startWorkers(site, count),
  };
}

async function startWorkers({ upstream, s3, checkout }: Site, count: number) {
  const upstreams = { 'docker.io': upstream.url };
  const cluster = await startCluster({ frontends: 1, workers: count, upstreams, s3: await s3(), product: checkout });
  const [nodes, pids] = [cluster.workers, cluster.workers.map(({ pid }) => pid)];
  return { url: cluster.url, pids, workers: nodes, close: () => cluster.close() };
}
