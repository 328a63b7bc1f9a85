// A port for a server that must be told its port before it starts. Servers that can bind port 0 should do that instead.
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Below the range that Linux and macOS take for outgoing connections, which could steal a port between here and its use.
const lowest = 15_000;
const highest = 32_000;

/**
 * A TCP port that nobody listens on at 127.0.0.1 now. As long as this process runs, no other that asks here gets it: a
 * server may start late, or be stopped for a while.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = randomInt(lowest, highest);
    if (reserve(port) && (await canListen(port))) return port;
  }
  throw new Error(`no free port found between ${lowest} and ${highest} on 127.0.0.1`);
}

const directory = join(tmpdir(), `cistern-test-ports-${process.getuid?.() ?? ''}`);
const reserved: string[] = [];

/** By a file whose name is the port, and that says whose it is. */
function reserve(port: number): boolean {
  const file = join(directory, String(port));
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (!isRunning(holderOf(file))) rmSync(file, { force: true });
    return false;
  }
  if (reserved.length === 0) process.once('exit', release);
  reserved.push(file);
  return true;
}

function release(): void {
  for (const file of reserved) rmSync(file, { force: true });
  try {
    rmdirSync(directory);
  } catch {
    // Others have ports there.
  }
}

/** Zero if it says nothing, or has gone meanwhile. */
function holderOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function isRunning(pid: number): boolean {
  try {
    // To 0 it would be this process's own group.
    return pid === 0 || process.kill(pid, 0);
  } catch {
    return false;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
