// One redis-server process that can be frozen, stopped and started again on the same port and data.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from '../clean-environment.ts';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { guardDirectory } from '../guard.ts';
import { type SupervisedProcess, startProcess } from '../start-process.ts';
import { type RedisAddress, redisCli } from './redis-cli.ts';

export interface RedisProcess {
  readonly port: number;
  /** One command, its arguments apart; the reply as redis-cli prints it. Rejects on an error reply and after 5 s. */
  command(...args: string[]): Promise<string>;
  /** SIGSTOP: it accepts connections (the system does that) and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Ends it and keeps its data. Idempotent. */
  stop(): Promise<void>;
  /** As `stop`, with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Ends it and removes its data. Idempotent. */
  close(): Promise<void>;
}

export interface RedisProcessOptions {
  readonly address: RedisAddress;
  /** Lines of its configuration file, from the directory that holds everything of this server. */
  readonly configuration: readonly string[];
  readonly directory: string;
  readonly sentinel?: boolean;
}

export async function makeRedisDirectory(): Promise<string> {
  await ensureDebianPackages(['redis-server', 'redis-tools']);
  return mkdtemp(join(tmpdir(), 'cistern-redis-'));
}

/** Answers PING when it resolves. The directory is the server's from now on: it goes with `close`, and on failure. */
export async function runRedisServer(options: RedisProcessOptions): Promise<RedisProcess> {
  const { address, directory, sentinel = false } = options;
  const configurationFile = join(directory, 'redis.conf');
  const guard = guardDirectory(directory);
  let running: SupervisedProcess | undefined;

  const command = async (...args: string[]) => redisCli(address, args);

  async function start(): Promise<void> {
    running ??= await startProcess({
      command: 'redis-server',
      args: [configurationFile, ...(sentinel ? ['--sentinel'] : [])],
      name: sentinel ? 'redis-sentinel' : 'redis-server',
      cwd: directory,
      env: cleanEnvironment(),
      ready: { check: async () => (await command('PING')) === 'PONG' },
    });
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = running;
    running = undefined;
    // A frozen process would get to see SIGTERM only when it is thawed.
    ending?.sendSignal('SIGCONT');
    await ending?.stop(signal);
  }

  async function close(): Promise<void> {
    await end('SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    guard.dismiss();
  }

  try {
    await writeFile(configurationFile, `${options.configuration.join('\n')}\n`);
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    port: address.port,
    command,
    freeze: () => running?.sendSignal('SIGSTOP'),
    thaw: () => running?.sendSignal('SIGCONT'),
    stop: async () => end('SIGTERM'),
    kill: async () => end('SIGKILL'),
    start,
    close,
  };
}
