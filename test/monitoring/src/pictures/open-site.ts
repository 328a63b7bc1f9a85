// A small site for pictures: a cluster with two upstreams, haproxy and Prometheus.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { bcryptHash, type Cluster, type ClusterNode, startAdminNode, startCluster } from '@cistern/test-servers';
import { type Prometheus, startPrometheus } from '../start-prometheus.ts';

export interface Site {
  readonly cluster: Cluster;
  readonly admin: ClusterNode;
  readonly upstreams: Readonly<Record<'docker.io' | 'quay.io', FakeUpstream>>;
  readonly prometheus: Prometheus;
  close(): Promise<void>;
}

/** The operator of the admin node. */
export const operator = { username: 'ada', password: 'a long password' };

const hostOf = ({ metricsUrl }: { readonly metricsUrl: string }) => new URL(metricsUrl).host;

/** Tags must be confirmed after some seconds, and the store is small, so that all panels have data within minutes. */
export async function openSite(scrapeSeconds: number): Promise<Site> {
  const stack = new AsyncDisposableStack();
  try {
    const start = async (limit?: number) => {
      const upstream = await startFakeUpstream(limit === undefined ? {} : { rateLimit: { limit } });
      stack.defer(() => upstream.close());
      return upstream;
    };
    const upstreams = { 'docker.io': await start(400), 'quay.io': await start() };
    const env = { REGISTRY_STORAGE_MAXBYTES: '64MiB' };
    const cluster = await startCluster({
      frontends: 2,
      upstreams: { 'docker.io': upstreams['docker.io'].url, 'quay.io': upstreams['quay.io'].url },
      config: { upstreams: { 'docker.io': { ttl: '20s' }, 'quay.io': { ttl: '20s' } } },
      env,
    });
    stack.defer(() => cluster.close());
    const operators = join(dirname(cluster.configFile), 'operators');
    await writeFile(operators, `${operator.username}:${await bcryptHash(operator.password)}\n`);
    const admin = await startAdminNode(cluster, undefined, { ...env, REGISTRY_ADMIN_HTPASSWD_PATH: operators });
    stack.defer(async () => void (await admin.kill()));
    const prometheus = await startPrometheus(
      {
        frontend: cluster.frontends.map(hostOf),
        worker: cluster.workers.map(hostOf),
        admin: [hostOf(admin)],
        haproxy: [new URL(cluster.haproxy.statisticsUrl).host],
      },
      scrapeSeconds,
    );
    stack.defer(async () => void (await prometheus.close()));
    return { cluster, admin, upstreams, prometheus, close: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
