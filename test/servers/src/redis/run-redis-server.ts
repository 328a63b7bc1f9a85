// Runs one redis-server process that can be frozen, stopped and started again on the same port and data.
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
  /** Runs one command and returns the reply as redis-cli prints it. Rejects on an error reply and after 5 s. */
  command(...args: string[]): Promise<string>;
  /** Sends SIGSTOP: the kernel still accepts connections, but the server answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Stops the server and keeps its data. Idempotent. */
  stop(): Promise<void>;
  /** Does the same as `stop`, with SIGKILL. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and data. */
  start(): Promise<void>;
  /** Stops the server and removes its data. Idempotent. */
  close(): Promise<void>;
}

export interface RedisProcessOptions {
  readonly address: RedisAddress;
  /** The lines of the configuration file. */
  readonly configuration: readonly string[];
  readonly directory: string;
  readonly sentinel?: boolean;
}

export async function makeRedisDirectory(): Promise<string> {
  await ensureDebianPackages(['redis-server', 'redis-tools']);
  return mkdtemp(join(tmpdir(), 'cistern-redis-'));
}

/** Resolves when the server answers PING. The server owns the directory: `close` and a failed start remove it. */
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
    // A frozen process handles SIGTERM only after it is thawed.
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
