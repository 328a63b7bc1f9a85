// Starts frontends and workers with their own code in this process. They share one Redis and one directory.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { buildFrontendNode } from '@cistern/frontend';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { freePort } from '@cistern/test-servers';
import { buildWorker } from '@cistern/worker';

export interface NodesOptions {
  readonly frontends: number;
  readonly workers: number;
  /** The addresses of Redis, as `host:port`. Several are a Redis Cluster. */
  readonly redis: readonly string[];
  /** The address of the only upstream. Default: the upstreams of the defaults, which no test contacts. */
  readonly upstream?: string;
}

const log = createLogger({ level: 'error', formatter: 'json' });

/** Resolves to the addresses of the frontends. The end of the test closes the nodes. */
export async function startNodes(t: TestContext, options: NodesOptions): Promise<string[]> {
  const { frontends, workers, redis, upstream } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cistern-idle-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = fileFor(upstream);

  async function start(
    build: typeof buildWorker | typeof buildFrontendNode,
    address: string,
    spool: string,
  ): Promise<string> {
    const port = await freePort();
    const env = {
      [address]: `127.0.0.1:${port}`,
      REGISTRY_WORKER_ADVERTISE: `http://127.0.0.1:${port}`,
      REGISTRY_WORKER_SPOOL_DIRECTORY: join(directory, spool),
      REGISTRY_REDIS_ADDRS: JSON.stringify(redis),
      REGISTRY_CLUSTER_SECRET: '0123456789abcdef',
      REGISTRY_HTTP_DEBUG_ADDR: '',
    };
    const config = loadConfig({
      env,
      path: 'nodes.yml',
      readFile: () => file,
      defaults: { rootDirectory: join(directory, 'store') },
    });
    const node = await build(openLiveConfig(config).config, { log, metrics: createMetrics(), env: {}, version: '0' });
    t.after(() => node.close(1000));
    await node.listen();
    return `http://127.0.0.1:${port}`;
  }

  for (let number = 0; number < workers; number += 1)
    await start(buildWorker, 'REGISTRY_WORKER_ADDR', `spool-${number}`);
  const urls: string[] = [];
  for (let number = 0; number < frontends; number += 1)
    urls.push(await start(buildFrontendNode, 'REGISTRY_HTTP_ADDR', 'unused'));
  return urls;
}

/** Returns a configuration without the scrub, which starts a minute after the nodes. */
function fileFor(upstream: string | undefined): string {
  const lines = ['version: 0.1', 'storage: { scrub: { enabled: false } }'];
  if (upstream !== undefined) lines.push(`proxy: { remoteurl: ${JSON.stringify(upstream)} }`);
  return lines.join('\n');
}
