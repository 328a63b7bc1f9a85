// Starts a master, its replica, and the sentinels that watch them.
import { freePort } from '../free-port.ts';
import { redisConfiguration } from './redis-configuration.ts';
import { makeRedisDirectory, type RedisProcess, runRedisServer } from './run-redis-server.ts';
import { until } from '../until.ts';

/** Silence after which the master counts as unavailable. It is longer than the usual pauses of a test machine. */
const downAfterMs = 2000;

export interface RedisSentinelOptions {
  /** Number of sentinels, 1 to 3; default 1. A majority must agree on a failover. */
  readonly sentinels?: number;
}

export interface RedisSentinel {
  /** The sentinels' name for the master. */
  readonly name: string;
  readonly sentinels: readonly RedisProcess[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** The process that is the master at the start. A failover swaps the roles, but not these fields. */
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  /** Returns the port of the master that the sentinels name now. */
  masterPort(): Promise<number>;
  close(): Promise<void>;
}

const name = 'cistern';

/** Installs the package if it is missing, and resolves when a failover is possible. The caller closes the servers. */
export async function startRedisSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
  const { sentinels: sentinelCount = 1 } = options;
  const processes: RedisProcess[] = [];
  const close = async () => void (await Promise.all(processes.map((process) => process.close())));
  const run = async (starting: Promise<RedisProcess>) => {
    const process = await starting;
    processes.push(process);
    return process;
  };
  try {
    const master = await run(startServer([]));
    const replica = await run(startServer([`replicaof 127.0.0.1 ${master.port}`]));
    await until(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'));
    const quorum = Math.floor(sentinelCount / 2) + 1;
    const sentinels: RedisProcess[] = [];
    for (let count = 0; count < sentinelCount; count++)
      sentinels.push(await run(startOneSentinel(master.port, quorum)));
    await until(async () => (await Promise.all(sentinels.map((one) => knows(one, sentinelCount)))).every(Boolean));
    return {
      name,
      sentinels,
      addresses: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
      master,
      replica,
      async masterPort() {
        const address = await sentinels[0]?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
        return Number(address?.split('\n')[1]);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startServer(directives: readonly string[]): Promise<RedisProcess> {
  const directory = await makeRedisDirectory();
  const port = await freePort();
  const all = ['repl-diskless-sync-delay 0', ...directives];
  return runRedisServer({
    address: { port },
    configuration: redisConfiguration({ port, directory, directives: all }),
    directory,
  });
}

async function startOneSentinel(masterPort: number, quorum: number): Promise<RedisProcess> {
  const directory = await makeRedisDirectory();
  const port = await freePort();
  const configuration = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${directory}`,
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 5000`,
  ];
  return runRedisServer({ address: { port }, configuration, directory, sentinel: true });
}

/** Returns whether this sentinel has found the replica and all other sentinels. */
async function knows(sentinel: RedisProcess, sentinelCount: number): Promise<boolean> {
  const [, fields = ''] = /^(master0:.*)$/m.exec(await sentinel.command('INFO', 'sentinel')) ?? [];
  return fields.includes('status=ok') && fields.includes('slaves=1') && fields.includes(`sentinels=${sentinelCount}`);
}
