// Records every command that a Redis receives, as its own MONITOR prints it. This includes values that are soon
// overwritten or expire.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Redis } from '@cistern/test-servers';

export interface CommandRecord {
  /** All commands so far. Redis itself leaves out the commands that authenticate a client. */
  text(): string;
  stop(): void;
}

export async function recordCommands({ port, password }: Redis): Promise<CommandRecord> {
  const env = { ...process.env, ...(password !== undefined && { REDISCLI_AUTH: password }) };
  const child = spawn('redis-cli', ['-h', '127.0.0.1', '-p', String(port), 'MONITOR'], { env });
  const chunks: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  // The first output is "OK". The record begins here.
  await once(child.stdout, 'data');
  return { text: () => chunks.join(''), stop: () => void child.kill() };
}
