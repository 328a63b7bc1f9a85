// Starts a whole cluster of real processes on free ports of this machine: Redis, S3, frontends, workers, and haproxy.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { guardDirectory } from '../guard.ts';
import { type Haproxy, startHaproxy } from '../haproxy/start-haproxy.ts';
import { mergeSections } from '../merge-sections.ts';
import { type Redis, startRedis } from '../redis/start-redis.ts';
import { type S3, startS3 } from '../s3/start-s3.ts';
import { clusterConfiguration } from './cluster-configuration.ts';
import { type Namespace, openNamespace } from './open-namespace.ts';
import { type ClusterNode, type ClusterNodeOptions, startClusterNode } from './start-cluster-node.ts';

export interface ClusterOptions {
  /** Number of frontends; default 3. */
  readonly frontends?: number;
  /** Number of workers; default 2. */
  readonly workers?: number;
  /** Settings merged into the configuration that all nodes read. `storage` replaces the whole default `storage`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Upstream URLs by name, for example of fake upstreams. The first upstream is the default. */
  readonly upstreams?: Readonly<Record<string, string>>;
  /** Environment variables of every node. They override the defaults. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The words before the command of every node of a kind, as in `ClusterNodeOptions.prefix`. */
  readonly prefix?: Partial<Record<ClusterNode['kind'], readonly string[]>>;
  /**
   * Runs the frontends in a network namespace from which they reach Redis, S3 and the workers, but no upstream. They
   * are reachable from outside as usual. Requires root on Linux, and an `s3` that listens on 127.0.0.1.
   */
  readonly isolateFrontends?: boolean;
  /** Running servers, which `close` does not stop. Default: new servers, which are removed with the cluster. */
  readonly redis?: Redis;
  readonly s3?: S3;
  /** Time in milliseconds that `stop` of a node waits before SIGKILL; default one minute. */
  readonly stopTimeoutMs?: number;
  /** The same as `CisternOptions.product`, for every node. */
  readonly product?: string | undefined;
}

export interface Cluster {
  /** URL of haproxy for clients: `http://127.0.0.1:<port>`. Clients can also connect to frontends directly. */
  readonly url: string;
  readonly haproxy: Haproxy;
  readonly frontends: readonly ClusterNode[];
  readonly workers: readonly ClusterNode[];
  readonly redis: Redis;
  /** The prefix of all Redis keys of the cluster. */
  readonly keyPrefix: string;
  readonly s3: S3;
  readonly bucket: string;
  readonly configFile: string;
  /** Stops all nodes and servers that `startCluster` started, and removes their data. Idempotent. */
  close(): Promise<void>;
}

/** Installs missing packages, and resolves when the cluster is ready for pulls. The caller closes it. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { frontends: frontendCount = 3, workers: workerCount = 2, stopTimeoutMs = 60_000, product } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cluster-'));
  const guard = guardDirectory(directory);
  const stack = new AsyncDisposableStack();
  stack.defer(async () => {
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    guard.dismiss();
  });

  async function startServer<S extends { close(): Promise<void> }>(given: S | undefined, start: () => Promise<S>) {
    const server = given ?? (await start());
    if (given === undefined) stack.defer(() => server.close());
    return server;
  }

  async function startNodes(plans: readonly NodePlan[], common: Common): Promise<ClusterNode[]> {
    const start = async (plan: NodePlan) => {
      const node = await startClusterNode({ ...common, ...plan });
      stack.defer(async () => void (await node.kill()));
      return node;
    };
    return all(plans.map(start));
  }

  async function planNodes(kind: ClusterNode['kind'], count: number): Promise<NodePlan[]> {
    const plan = async (_: unknown, index: number): Promise<NodePlan> => {
      const [port, debugPort] = [await freePort(), await freePort()];
      return { kind, name: `${kind}-${index + 1}`, port, debugPort, prefix: options.prefix?.[kind] ?? [] };
    };
    return Promise.all(Array.from({ length: count }, plan));
  }

  try {
    const [redis, s3] = await all([startServer(options.redis, () => startRedis()), startServer(options.s3, startS3)]);
    const [keyPrefix, bucket] = [`cistern-${randomUUID()}:`, `cistern-${randomUUID()}`];
    const configFile = join(directory, 'config.yml');
    const secret = randomBytes(32).toString('hex');
    const base = clusterConfiguration({ redis, keyPrefix, s3, bucket, secret, upstreams: options.upstreams ?? {} });
    // JSON is YAML.
    await writeFile(configFile, JSON.stringify(mergeSections(base, options.config ?? {})), { mode: 0o600 });
    const [planned, workerPlans] = [await planNodes('frontend', frontendCount), await planNodes('worker', workerCount)];
    const namespace =
      options.isolateFrontends === true ? await isolate(planned, [redis, portOf(s3), ...workerPlans]) : undefined;
    if (namespace !== undefined) stack.defer(namespace.close);
    const frontendPlans = planned.map((plan) => ({ ...plan, prefix: [...(namespace?.prefix ?? []), ...plan.prefix] }));
    const common = { configFile, directory, env: options.env ?? {}, stopTimeoutMs, product };
    const [frontends, workers] = await all([startNodes(frontendPlans, common), startNodes(workerPlans, common)]);
    const haproxy = await startHaproxy({ frontends, namespace: namespace?.name });
    stack.defer(haproxy.close);
    const close = () => stack.disposeAsync();
    return { url: haproxy.url, haproxy, frontends, workers, redis, keyPrefix, s3, bucket, configFile, close };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

type NodePlan = Pick<ClusterNodeOptions, 'kind' | 'name' | 'port' | 'debugPort' | 'prefix'>;
type Common = Omit<ClusterNodeOptions, keyof NodePlan>;

interface Port {
  readonly port: number;
}

function isolate(frontends: readonly NodePlan[], reached: readonly Port[]): Promise<Namespace> {
  return openNamespace({
    inward: frontends.flatMap(({ port, debugPort }) => [port, debugPort]),
    outward: reached.map(({ port }) => port),
  });
}

function portOf({ endpoint }: S3): Port {
  const { hostname, port } = new URL(endpoint);
  if (hostname !== '127.0.0.1') throw new Error(`Isolated frontends need an S3 server on 127.0.0.1, not ${endpoint}.`);
  return { port: Number(port) };
}

/** Works like `Promise.all`, but rejects only after all promises have settled. So nothing starts after the cleanup. */
async function all<T extends readonly unknown[]>(promises: readonly [...{ [K in keyof T]: Promise<T[K]> }]): Promise<T>;
async function all<T>(promises: readonly Promise<T>[]): Promise<T[]>;
async function all(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
