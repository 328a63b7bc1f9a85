// The contenders of several workloads. A workload may define further ones.
import { startCluster, startDockerRegistry } from '@cistern/test-servers';
import type { ContenderKind, Site } from './contender.ts';
import { makeBucket } from './make-bucket.ts';
import { startFastify } from './start-fastify.ts';
import { startNginx } from './start-nginx.ts';
import { startOneCistern } from './start-one-cistern.ts';

export const cistern: ContenderKind = {
  name: 'cistern',
  title: 'Cistern, one process',
  start: (site) => startOneCistern(site, { config: { log: { formatter: 'json' } } }),
};

export const dockerRegistry: ContenderKind = {
  name: 'docker-registry',
  title: 'docker-registry 2.8.3, filesystem',
  async start({ upstream }) {
    const registry = await startDockerRegistry({ proxy: { remoteurl: upstream.url } });
    return { url: registry.url, pids: [registry.process.pid], close: () => registry.close() };
  },
};

export const nginx: ContenderKind = {
  name: 'nginx',
  title: 'nginx proxy_cache, one worker',
  start: ({ upstream }) => startNginx({ upstreamUrl: upstream.url, hasLog: true }),
};

/** The yardstick: what a server on Node takes at least for the same response. It never logs. */
export const fastify: ContenderKind = {
  name: 'fastify',
  title: 'a bare Fastify route, same headers and body',
  start: (site) => startFastify(site),
};

export const silentCistern: ContenderKind = {
  name: 'cistern-silent',
  title: 'Cistern, one process, without logs',
  start: (site) => startOneCistern(site, { config: { log: { level: 'error', accesslog: { disabled: true } } } }),
};

export const silentNginx: ContenderKind = {
  name: 'nginx-silent',
  title: 'nginx proxy_cache, one worker, without logs',
  start: ({ upstream }) => startNginx({ upstreamUrl: upstream.url, hasLog: false }),
};

export const direct: ContenderKind = {
  name: 'direct',
  title: 'no cache: the upstream itself',
  start: async ({ upstream }) => ({ url: upstream.url, pids: [], close: async () => {} }),
};

export const cisternCluster: ContenderKind = {
  name: 'cistern-cluster',
  title: 'Cistern cluster: haproxy, 2 frontends, 1 worker',
  start: (site) => startCisternCluster(site),
};

export const redirectingCluster: ContenderKind = {
  name: 'cistern-redirect',
  title: 'Cistern cluster, redirecting to S3',
  start: (site) => startCisternCluster(site, { REGISTRY_STORAGE_REDIRECT_DISABLE: 'false' }),
};

export const cisternOnS3: ContenderKind = {
  name: 'cistern-s3',
  title: 'Cistern, one process, S3',
  start: async (site) => startOneCistern(site, { config: { storage: { s3: await makeBucket(await site.s3()) } } }),
};

export const dockerRegistryOnS3: ContenderKind = {
  name: 'docker-registry-s3',
  title: 'docker-registry 2.8.3, S3',
  async start({ upstream, s3 }) {
    const storage = { s3: await makeBucket(await s3()), redirect: { disable: true } };
    const registry = await startDockerRegistry({ proxy: { remoteurl: upstream.url }, storage });
    return { url: registry.url, pids: [registry.process.pid], close: () => registry.close() };
  },
};

async function startCisternCluster({ upstream, s3, checkout }: Site, env: Readonly<Record<string, string>> = {}) {
  const cluster = await startCluster({
    frontends: 2,
    workers: 1,
    upstreams: { 'docker.io': upstream.url },
    s3: await s3(),
    config: { log: { accesslog: { disabled: false } } },
    env,
    product: checkout,
  });
  const pids = [...cluster.frontends, ...cluster.workers].map(({ pid }) => pid);
  return { url: cluster.url, pids, balancerPids: [cluster.haproxy.process.pid], close: () => cluster.close() };
}
