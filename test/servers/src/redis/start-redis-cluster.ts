// Starts a Redis Cluster of three masters with one replica each.
import { freePort } from '../free-port.ts';
import { redisConfiguration } from './redis-configuration.ts';
import { makeRedisDirectory, type RedisProcess, runRedisServer } from './run-redis-server.ts';
import { until } from '../until.ts';

export interface RedisClusterOptions {
  /** Silence of a master in milliseconds after which its replica takes over; default 5 s. */
  readonly nodeTimeoutMs?: number;
}

export interface RedisCluster {
  /**
   * The three masters, then the three replicas in the order of their masters. A failover changes the roles, but not
   * this list.
   */
  readonly nodes: readonly RedisProcess[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Freezes all nodes. */
  freeze(): void;
  thaw(): void;
  /** Stops all nodes. Their data and the cluster's state stay. */
  stop(): Promise<void>;
  /** Resolves when the cluster works again. */
  start(): Promise<void>;
  flushAll(): Promise<void>;
  close(): Promise<void>;
}

const masterCount = 3;
const slotCount = 16_384;

/**
 * Installs the package if it is missing, and resolves when every hash slot is served and replicated. The caller closes
 * it.
 */
export async function startRedisCluster({ nodeTimeoutMs = 5000 }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const started = await Promise.allSettled(Array.from({ length: 2 * masterCount }, () => startNode(nodeTimeoutMs)));
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const each = async (action: (node: RedisProcess) => Promise<unknown>) => void (await Promise.all(nodes.map(action)));
  const close = () => each((node) => node.close());
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    await form(nodes);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    nodes,
    addresses: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    freeze: () => nodes.forEach((node) => node.freeze()),
    thaw: () => nodes.forEach((node) => node.thaw()),
    stop: () => each((node) => node.stop()),
    async start() {
      await each((node) => node.start());
      await untilWhole(nodes);
    },
    flushAll: () => each(async (node) => (await isMaster(node)) && node.command('FLUSHALL')),
    close,
  };
}

async function startNode(nodeTimeoutMs: number): Promise<RedisProcess> {
  const directory = await makeRedisDirectory();
  const port = await freePort();
  const directives = [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    // The default is the port + 10000, which can be in use.
    `cluster-port ${await freePort()}`,
    `cluster-node-timeout ${nodeTimeoutMs}`,
    'repl-diskless-sync-delay 0',
    // One unavailable master must not stop the others.
    'cluster-require-full-coverage no',
  ];
  return runRedisServer({
    address: { port },
    configuration: redisConfiguration({ port, directory, directives }),
    directory,
  });
}

/** Forms the cluster like `redis-cli --cluster create`, but without pauses. */
async function form(nodes: readonly RedisProcess[]): Promise<void> {
  const [first, ...others] = nodes;
  await Promise.all(nodes.slice(0, masterCount).map(giveSlots));
  for (const other of others) {
    const busPort = (await other.command('CONFIG', 'GET', 'cluster-port')).split('\n').at(-1) ?? '';
    await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port), busPort);
  }
  const known = new RegExp(`cluster_known_nodes:${nodes.length}\\b`);
  await until(async () => everyInfo(nodes, 'cluster', (info) => known.test(info)));
  for (const [position, replica] of nodes.slice(masterCount).entries()) {
    const masterId = (await nodes[position]?.command('CLUSTER', 'MYID')) ?? '';
    await until(async () => (await replica.command('CLUSTER', 'NODES')).includes(masterId));
    await replica.command('CLUSTER', 'REPLICATE', masterId);
  }
  await untilWhole(nodes);
}

async function giveSlots(master: RedisProcess, position: number): Promise<void> {
  // The epochs are set here. Otherwise all masters would begin with the same epoch and first have to resolve the
  // conflict.
  await master.command('CLUSTER', 'SET-CONFIG-EPOCH', String(position + 1));
  await master.command('CLUSTER', 'ADDSLOTSRANGE', String(firstSlot(position)), String(firstSlot(position + 1) - 1));
}

function firstSlot(position: number): number {
  return Math.floor((position * slotCount) / masterCount);
}

async function untilWhole(nodes: readonly RedisProcess[]): Promise<void> {
  await until(async () => everyInfo(nodes, 'cluster', (info) => info.includes('cluster_state:ok')));
  await until(async () => everyInfo(nodes, 'replication', (info) => /role:master|master_link_status:up/.test(info)));
}

async function everyInfo(
  nodes: readonly RedisProcess[],
  section: 'cluster' | 'replication',
  matches: (info: string) => boolean,
): Promise<boolean> {
  const args = section === 'cluster' ? ['CLUSTER', 'INFO'] : ['INFO', section];
  const infos = await Promise.all(nodes.map((node) => node.command(...args)));
  return infos.every(matches);
}

async function isMaster(node: RedisProcess): Promise<boolean> {
  return (await node.command('INFO', 'replication')).includes('role:master');
}
