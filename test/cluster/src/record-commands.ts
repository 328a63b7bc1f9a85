// Everything that a Redis is told, as its own MONITOR prints it: also what is overwritten or expires before anybody looks.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Redis } from '@cistern/test-servers';

export interface CommandRecord {
  /** So far. Redis itself leaves out what logs a client in. */
  text(): string;
  stop(): void;
}

export async function recordCommands({ port, password }: Redis): Promise<CommandRecord> {
  const env = { ...process.env, ...(password !== undefined && { REDISCLI_AUTH: password }) };
  const child = spawn('redis-cli', ['-h', '127.0.0.1', '-p', String(port), 'MONITOR'], { env });
  const chunks: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  // "OK": from here on.
  await once(child.stdout, 'data');
  return { text: () => chunks.join(''), stop: () => void child.kill() };
}
