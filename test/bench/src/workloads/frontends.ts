// How work grows with frontends that are each held to a part of a core, so that all of them fit on one machine and what is
// between them and the clients has room.
import { startCluster } from '@cistern/test-services';
import type { ContenderKind, Site } from '../contenders/contender.ts';
import { limitCpu } from '../load/limit-cpu.ts';
import { watchCpu } from '../load/process-figures.ts';
import { wrk } from '../load/wrk.ts';
import { warmUp } from './warm-up.ts';
import type { Figure, Run, Workload } from './workload.ts';

const warmUpSeconds = 3;
/** For each frontend: a process that has many requests at hand does more of them at a time. */
const connectionsEach = 32;
const repository = 'library/bench';

interface Fleet {
  readonly name: string;
  /** Of each frontend. */
  readonly cores: number;
  /** The first one is compared with the others. */
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
    title: `Manifests by tag through haproxy, each frontend held to ${cores} of a core (as root, on Linux)`,
    headline: 'requests/s',
    mode: 'full',
    contenders: [...kinds.keys()],
    mostRounds: 3,
    run: (run) => loadFrontends(run, kinds.get(run.kind)!, cores),
  };
}

async function loadFrontends({ site, round, seconds }: Run, count: number, cores: number): Promise<readonly Figure[]> {
  await using ends = new AsyncDisposableStack();
  const started = ends.adopt(await startFrontends(site, count), (cluster) => cluster.close());
  const connections = connectionsEach * started.frontends.length;
  const { digest, size } = await site.upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
  const path = `/v2/${repository}/manifests/latest`;
  await warmUp({ pulls: [{ url: started.url + path, digest, size }], clients: connections, round });
  // Each of them has compiled what it needs before it has little to compile with.
  for (const { url } of started.frontends)
    await wrk({ url: url + path, connections: connectionsEach, seconds: warmUpSeconds });
  for (const { pid, kill } of started.frontends) {
    const limit = await limitCpu(pid, cores);
    ends.defer(async () => {
      await kill();
      await limit.release();
    });
  }
  await wrk({ url: started.url + path, connections, seconds: 1 });
  const cpu = watchCpu(started.frontends.map(({ pid }) => pid));
  const { requests, seconds: took } = await wrk({ url: started.url + path, connections, seconds: seconds * 2 });
  return [
    { name: 'requests/s', value: requests / took, better: 'higher' },
    { name: 'cores used', value: cpu.soFar() / took, better: 'higher' },
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

async function startFrontends({ upstream, s3 }: Site, frontendCount: number) {
  const upstreams = { 'docker.io': upstream.url };
  const cluster = await startCluster({ frontends: frontendCount, workers: 1, upstreams, s3: await s3() });
  const pids = cluster.frontends.map(({ pid }) => pid);
  return { url: cluster.url, pids, frontends: cluster.frontends, close: () => cluster.close() };
}
