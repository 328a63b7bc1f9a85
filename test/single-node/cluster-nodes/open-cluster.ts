// Opens frontends and workers of one cluster in the process of the test, with a real Redis and a shared directory.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandTimeoutMs, type Redis, startRedis } from '@cistern/test-servers';
import { openDirectory, type Owner } from '../src/open-stage.ts';
import { type StartedNode, startNode } from './start-node.ts';

export interface ClusterOptions {
  /** Number of frontends; 2 by default. */
  readonly frontends?: number;
  /** Number of workers; 1 by default. */
  readonly workers?: number;
  /** Sections of the file that all nodes read, in addition to Redis, the store and the secret. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Cluster {
  readonly frontends: readonly StartedNode[];
  readonly workers: readonly StartedNode[];
  readonly redis: Redis;
  readonly configFile: string;
  readonly rootDirectory: string;
  /** Starts one more frontend. */
  startFrontend(): Promise<StartedNode>;
}

export async function openCluster(
  owner: Owner,
  { frontends = 2, workers = 1, config }: ClusterOptions,
): Promise<Cluster> {
  // Hooks run in the order of their creation. This hook comes first, because nodes use Redis and the directory until
  // they stop.
  const nodes: StartedNode[] = [];
  owner.after(() => Promise.all(nodes.map((node) => node.stop())));
  const directory = await openDirectory(owner);
  const redis = await startRedis();
  owner.after(() => redis.close());
  const rootDirectory = join(directory, 'store');
  const configFile = join(directory, 'cluster.yml');
  await writeFile(
    configFile,
    JSON.stringify({
      redis: { addr: `127.0.0.1:${redis.port}`, commandtimeout: `${commandTimeoutMs.patient}ms` },
      cluster: { secret: 'the secret of this cluster' },
      storage: { filesystem: { rootdirectory: rootDirectory } },
      http: { debug: { prometheus: { enabled: true } } },
      log: { level: 'debug', formatter: 'json' },
      ...config,
    }),
  );
  const start = async (kind: 'frontend' | 'worker') => {
    const node = await startNode(owner, kind, configFile);
    nodes.push(node);
    return node;
  };
  const startAll = (kind: 'frontend' | 'worker', count: number) =>
    Promise.all(Array.from({ length: count }, () => start(kind)));
  return {
    workers: await startAll('worker', workers),
    frontends: await startAll('frontend', frontends),
    redis,
    configFile,
    rootDirectory,
    startFrontend: () => start('frontend'),
  };
}
