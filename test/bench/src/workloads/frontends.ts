// How work grows with frontends that are each held to a part of a core, so that all of them fit on one machine and what is
// between them and the clients has room.
import { startCluster } from '@cistern/test-services';
import type { ContenderKind, Site } from '../contenders/contender.ts';
import { limitCpu } from '../load/limit-cpu.ts';
import { watchCpu } from '../load/process-figures.ts';
import { wrk } from '../load/wrk.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const cores = 0.2;
const warmUpSeconds = 6;
/** For each frontend: a process that has many requests at hand does more of them at a time. */
const connectionsEach = 32;
const repository = 'library/bench';
const counts = new Map([3, 1].map((frontends) => [kindOf(frontends), frontends]));

export const frontends: Workload = {
  name: 'frontends',
  title: `Manifests by tag through haproxy, each frontend held to ${cores} of a core (as root, on Linux)`,
  headline: 'requests/s',
  mode: 'full',
  contenders: [...counts.keys()],
  async run({ kind, site, round, seconds }) {
    await using ends = new AsyncDisposableStack();
    const started = ends.adopt(await startFrontends(site, counts.get(kind)!), (cluster) => cluster.close());
    const connections = connectionsEach * started.frontends.length;
    const { digest, size } = await site.upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
    const url = `${started.url}/v2/${repository}/manifests/latest`;
    await warmUp({ pulls: [{ url, digest, size }], clients: connections, round });
    // Each of them has compiled what it needs before it has little to compile with.
    for (const { url: own } of started.frontends)
      await wrk({
        url: `${own}/v2/${repository}/manifests/latest`,
        connections: connectionsEach,
        seconds: warmUpSeconds,
      });
    for (const { pid, kill } of started.frontends) {
      const limit = await limitCpu(pid, cores);
      ends.defer(async () => {
        await kill();
        await limit.release();
      });
    }
    await wrk({ url, connections, seconds: 1 });
    const cpu = watchCpu(started.frontends.map(({ pid }) => pid));
    const { requests, seconds: took } = await wrk({ url, connections, seconds: seconds * 2 });
    return [
      { name: 'requests/s', value: requests / took, better: 'higher' },
      { name: 'cores used', value: cpu.soFar() / took, better: 'higher' },
    ];
  },
};

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
