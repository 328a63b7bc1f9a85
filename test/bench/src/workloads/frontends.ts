// Measures how throughput grows with the number of frontends. Each is limited to a part of a core, so that all fit on
// one machine. Requests go directly to the frontends, and through haproxy, which shares the rest of the machine with
// the load.
import { sizedCluster, type SizedCluster } from '../contenders/sized-cluster.ts';
import { checkCpuLimits } from '../load/limit-cpu.ts';
import { limitNodes } from '../load/limit-nodes.ts';
import { watchCpu } from '../load/process-figures.ts';
import { type LoadResult, wrk } from '../load/wrk.ts';
import { warmUp } from './warm-up.ts';
import type { Figure, Run, Workload } from './workload.ts';

const warmUpSeconds = 3;
/** Connections for each frontend. A process with many pending requests does more of them at a time. */
const connectionsEach = 32;
const repository = 'library/bench';

interface Fleet {
  readonly name: string;
  /** CPU limit of each frontend. */
  readonly cores: number;
  /** Numbers of frontends. The first one is the base of the ratios. */
  readonly counts: readonly number[];
}

export const frontends: readonly Workload[] = [
  frontendsOf({ name: 'frontends', cores: 0.2, counts: [3, 1] }),
  frontendsOf({ name: 'frontends-8', cores: 0.1, counts: [8, 4, 2, 1] }),
];

function frontendsOf({ name, cores, counts }: Fleet): Workload {
  const clusters = counts.map((count) => sizedCluster('frontends', count));
  return {
    name,
    title: `Manifests by tag, each frontend limited to ${cores} of a core (as root, on Linux)`,
    headline: 'requests/s, directly',
    mode: 'full',
    contenders: clusters,
    mostRounds: 3,
    check: checkCpuLimits,
    run: (run) =>
      loadFrontends(
        run,
        clusters.find((one) => one === run.kind)!,
        cores,
      ),
  };
}

async function loadFrontends(
  { site, isWarm, seconds }: Run,
  kind: SizedCluster,
  cores: number,
): Promise<readonly Figure[]> {
  await using ends = new AsyncDisposableStack();
  const started = ends.adopt(await kind.start(site), (cluster) => cluster.close());
  const connections = connectionsEach * started.nodes.length;
  const { digest, size } = await site.upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
  const path = `/v2/${repository}/manifests/latest`;
  await warmUp({ pulls: [{ url: started.url + path, digest, size }], clients: connections, isWarm });
  // Each frontend compiles its code before its CPU is limited.
  for (const { url } of started.nodes)
    await wrk({ url: url + path, connections: connectionsEach, seconds: warmUpSeconds });
  await limitNodes(started.nodes, cores, ends);
  const measure = async (how: string, load: (forSeconds: number) => Promise<readonly LoadResult[]>) => {
    await load(1);
    const cpu = watchCpu(started.pids);
    const results = await load(seconds * 2);
    const rate = results.reduce((sum, { requests, seconds: took }) => sum + requests / took, 0);
    return [
      { name: `requests/s, ${how}`, value: rate, better: 'higher' },
      { name: `cores used, ${how}`, value: cpu.soFar() / (seconds * 2), better: 'higher' },
    ] as const;
  };
  const each = started.nodes.map(({ url }) => ({ url: url + path, connections: connectionsEach }));
  return [
    ...(await measure('directly', (forSeconds) =>
      Promise.all(each.map((load) => wrk({ ...load, seconds: forSeconds }))),
    )),
    ...(await measure('through haproxy', async (forSeconds) => [
      await wrk({ url: started.url + path, connections, seconds: forSeconds }),
    ])),
  ];
}
