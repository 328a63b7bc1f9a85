// A master, its replica, and the sentinels that watch them.
import { freePort } from '../free-port.ts';
import { redisConfiguration } from './redis-configuration.ts';
import { makeRedisDirectory, type RedisProcess, runRedisServer } from './run-redis-server.ts';
import { until } from '../until.ts';

/** How long the master must be silent before it counts as down: longer than machines stand still. */
const downAfterMs = 2000;

export interface RedisSentinelOptions {
  /** 1 to 3, default 1; most of them must agree on a fail-over. */
  readonly sentinels?: number;
}

export interface RedisSentinel {
  /** What the sentinels call the master. */
  readonly name: string;
  readonly sentinels: readonly RedisProcess[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** As they were started; a fail-over swaps their roles. */
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  /** The port of the master that the sentinels name now. */
  masterPort(): Promise<number>;
  close(): Promise<void>;
}

const name = 'cistern';

/** Installs the package if it is missing; resolves when a fail-over is possible. The caller closes what it gets. */
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

/** Whether this sentinel has found the replica and all the other sentinels. */
async function knows(sentinel: RedisProcess, sentinelCount: number): Promise<boolean> {
  const [, fields = ''] = /^(master0:.*)$/m.exec(await sentinel.command('INFO', 'sentinel')) ?? [];
  return fields.includes('status=ok') && fields.includes('slaves=1') && fields.includes(`sentinels=${sentinelCount}`);
}
