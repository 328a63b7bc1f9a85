// Starts a bare Fastify route that answers like Cistern, in a process of its own.
import { readFile } from 'node:fs/promises';
import { freePort, startProcess } from '@cistern/test-servers';
import { allocatedBytesOf, reportingAllocations } from '../load/allocations.ts';
import type { Contender, Site } from './contender.ts';
import { startOneCistern } from './start-one-cistern.ts';

const program = new URL('fastify-process.ts', import.meta.url).pathname;

/** Starts a Cistern too, which only provides the answers, once for each path. The caller closes both. */
export async function startFastify(site: Site): Promise<Contender> {
  await using ends = new AsyncDisposableStack();
  const origin = ends.adopt(await startOneCistern(site), async (cistern) => void (await cistern.close()));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = ends.adopt(
    await startProcess({
      command: process.execPath,
      args: [...(await nodeFlagsOf(origin.pid)), program, String(port), origin.url],
      name: 'fastify',
      env: { ...reportingAllocations, NODE_ENV: 'production' },
      ready: { http: `${url}/v2/`, status: 200 },
    }),
    async (started) => void (await started.stop()),
  );
  const running = ends.move();
  return {
    url,
    pids: [server.pid],
    allocatedBytes: () => allocatedBytesOf(server.pid),
    close: () => running.disposeAsync(),
  };
}

/** Returns the flags that a Node process was started with, so that another one has the same. */
export async function nodeFlagsOf(pid: number): Promise<string[]> {
  const [, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  const main = args.findIndex((arg) => !arg.startsWith('-'));
  return args.slice(0, main === -1 ? undefined : main);
}
