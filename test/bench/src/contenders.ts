// Who is measured: each a cache of the same upstream, started as a user would start it, with its log on.
import { type Cluster, startCistern, startCluster, startDockerRegistry, startS3 } from '@cistern/test-services';
import { startNginx } from './start-nginx.ts';

export interface Contender {
  readonly url: string;
  /** Whose CPU and memory count: the cache itself, without the store or the index behind it. */
  readonly pids: readonly number[];
  close(): Promise<unknown>;
}

export interface ContenderKind {
  readonly title: string;
  /** Left out of a quick run. */
  readonly isSlowToStart?: boolean;
  start(upstreamUrl: string): Promise<Contender>;
}

const bucket = 'registry';

export const contenders = {
  cistern: {
    title: 'Cistern, one process',
    async start(upstreamUrl) {
      const cistern = await startCistern({ config: { upstreams: { 'docker.io': { url: upstreamUrl } } } });
      return { url: cistern.url, pids: [cistern.pid], close: () => cistern.stop() };
    },
  },
  'docker-registry': {
    title: 'docker-registry 2.8.3, filesystem',
    async start(upstreamUrl) {
      const registry = await startDockerRegistry({ proxy: { remoteurl: upstreamUrl } });
      return { url: registry.url, pids: [registry.process.pid], close: () => registry.close() };
    },
  },
  nginx: { title: 'nginx proxy_cache, one worker', start: startNginx },
  'cistern-cluster': {
    title: 'Cistern, 2 frontends and 1 worker on S3 and Redis',
    isSlowToStart: true,
    async start(upstreamUrl) {
      const cluster = await startCluster({ frontends: 2, workers: 1, upstreams: { 'docker.io': upstreamUrl } });
      return { url: cluster.url, pids: pidsOf(cluster), close: () => cluster.close() };
    },
  },
  'docker-registry-s3': {
    title: 'docker-registry 2.8.3, S3',
    isSlowToStart: true,
    async start(upstreamUrl) {
      const s3 = await startS3();
      try {
        const storage = { s3: await s3Storage(s3), redirect: { disable: true } };
        const registry = await startDockerRegistry({ proxy: { remoteurl: upstreamUrl }, storage });
        const close = async () => {
          await registry.close();
          await s3.close();
        };
        return { url: registry.url, pids: [registry.process.pid], close };
      } catch (error) {
        await s3.close();
        throw error;
      }
    },
  },
} as const satisfies Readonly<Record<string, ContenderKind>>;

export type ContenderName = keyof typeof contenders;

function pidsOf({ haproxy, frontends, workers }: Cluster): number[] {
  return [haproxy.process.pid, ...[...frontends, ...workers].map(({ pid }) => pid)];
}

async function s3Storage({ endpoint, region, accessKey, secretKey }: Awaited<ReturnType<typeof startS3>>) {
  const { Client } = await import('minio');
  const { hostname, port } = new URL(endpoint);
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, region, accessKey, secretKey });
  await client.makeBucket(bucket, region);
  const where = { regionendpoint: endpoint, region, bucket, secure: false, v4auth: true };
  return { ...where, accesskey: accessKey, secretkey: secretKey };
}
