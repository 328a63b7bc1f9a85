// Runs commands on a Redis with redis-cli, because assertions must not depend on ioredis, which is under test.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Limits how long a command waits for a frozen Redis. */
const timeoutMs = 5000;

export interface RedisAddress {
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The path of the CA certificate. Unset means that Redis does not use TLS. */
  readonly caFile?: string | undefined;
}

/** Returns the reply as redis-cli prints it, without the final newline. Rejects on an error reply. */
export async function redisCli(address: RedisAddress, args: readonly string[]): Promise<string> {
  const { username, password, caFile } = address;
  const where = ['-h', '127.0.0.1', '-p', String(address.port)];
  if (caFile !== undefined) where.push('--tls', '--cacert', caFile);
  if (username !== undefined) where.push('--user', username);
  const env = { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) };
  const { stdout } = await run('redis-cli', [...where, '-e', ...args], { env, timeout: timeoutMs });
  return stdout.trimEnd();
}
