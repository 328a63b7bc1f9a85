// Measures how throughput grows with the number of frontends. Each is limited to a part of a core, so that all fit on
// one machine. Requests go directly to the frontends, and through haproxy, which shares the rest of the machine with
// the load.
import { startCluster } from '@cistern/test-servers';
import type { ContenderKind, Site } from '../contenders/contender.ts';
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
  const kinds = new Map(counts.map((frontendCount) => [kindOf(frontendCount), frontendCount]));
  return {
    name,
    title: `Manifests by tag, each frontend limited to ${cores} of a core (as root, on Linux)`,
    headline: 'requests/s, directly',
    mode: 'full',
    contenders: [...kinds.keys()],
    mostRounds: 3,
    check: checkCpuLimits,
    run: (run) => loadFrontends(run, kinds.get(run.kind)!, cores),
  };
}

async function loadFrontends({ site, isWarm, seconds }: Run, count: number, cores: number): Promise<readonly Figure[]> {
  await using ends = new AsyncDisposableStack();
  const started = ends.adopt(await startFrontends(site, count), (cluster) => cluster.close());
  const connections = connectionsEach * started.frontends.length;
  const { digest, size } = await site.upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
  const path = `/v2/${repository}/manifests/latest`;
  await warmUp({ pulls: [{ url: started.url + path, digest, size }], clients: connections, isWarm });
  // Each frontend compiles its code before its CPU is limited.
  for (const { url } of started.frontends)
    await wrk({ url: url + path, connections: connectionsEach, seconds: warmUpSeconds });
  await limitNodes(started.frontends, cores, ends);
  const pids = started.frontends.map(({ pid }) => pid);
  const measure = async (how: string, load: (forSeconds: number) => Promise<readonly LoadResult[]>) => {
    await load(1);
    const cpu = watchCpu(pids);
    const results = await load(seconds * 2);
    const rate = results.reduce((sum, { requests, seconds: took }) => sum + requests / took, 0);
    return [
      { name: `requests/s, ${how}`, value: rate, better: 'higher' },
      { name: `cores used, ${how}`, value: cpu.soFar() / (seconds * 2), better: 'higher' },
    ] as const;
  };
  const each = started.frontends.map(({ url }) => ({ url: url + path, connections: connectionsEach }));
  return [
    ...(await measure('directly', (forSeconds) =>
      Promise.all(each.map((load) => wrk({ ...load, seconds: forSeconds }))),
    )),
    ...(await measure('through haproxy', async (forSeconds) => [
      await wrk({ url: started.url + path, connections, seconds: forSeconds }),
    ])),
  ];
}

function kindOf(frontendCount: number): ContenderKind {
  const name = `cistern-${frontendCount}-frontends`;
  return {
    name,
    title: `Cistern, ${frontendCount} frontend${frontendCount === 1 ? '' : 's'}`,
    start: (site) => startFrontends(site, frontendCount),
  };
}

async function startFrontends({ upstream, s3, checkout }: Site, frontendCount: number) {
  const upstreams = { 'docker.io': upstream.url };
  const cluster = await startCluster({
    frontends: frontendCount,
    workers: 1,
    upstreams,
    s3: await s3(),
    product: checkout,
  });
  const pids = cluster.frontends.map(({ pid }) => pid);
  return { url: cluster.url, pids, frontends: cluster.frontends, close: () => cluster.close() };
}
