// Finds a port for a server that needs its port before it starts. Servers that can listen on port 0 should do that
// instead.
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The range is below the range that Linux and macOS use for outgoing connections. Such a connection could otherwise
// take a reserved port before its server starts.
const lowest = 15_000;
const highest = 32_000;

/**
 * Returns a free TCP port of 127.0.0.1. While this process runs, `freePort` returns the port to no other process. So a
 * server can start later, or stop and start again.
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

/** Reserves a port with a file whose name is the port and whose content is the id of its owner's process. */
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
    // The directory is not empty, because other processes have reserved ports.
  }
}

/** Returns the process id in the file, or zero if the file has no id or does not exist. */
function holderOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function isRunning(pid: number): boolean {
  try {
    // Process 0 is not checked, because `kill` takes 0 for the group of this process.
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
