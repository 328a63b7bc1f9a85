// Runs commands on a Redis under test with redis-cli. Assertions must not depend on the client library under test.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Limits the time that a frozen server holds up a test. */
const timeoutMs = 5000;

export interface RedisAddress {
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Path of the certificate authority's file. Without it the server speaks plain text. */
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
