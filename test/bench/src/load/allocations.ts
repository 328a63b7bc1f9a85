// Counts the bytes that V8 allocates in a server. Unlike CPU time, they hardly depend on the machine or on its load.
import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Contender } from '../contenders/contender.ts';

/** Variables of a Node process whose allocations are counted. */
export const reportingAllocations = {
  NODE_OPTIONS: `--import=${new URL('report-allocations.mjs', import.meta.url).href}`,
} as const;

/** Returns the bytes that V8 has allocated since the start of a process that has `reportingAllocations`. */
export async function allocatedBytesOf(pid: number): Promise<number> {
  const connection = createConnection(`\0cistern-bench-heap-${pid}`);
  return Number(await text(connection));
}

/** Counts the bytes from now on. They are NaN for a contender without V8. */
export async function watchAllocations({
  allocatedBytes = () => Promise.resolve(Number.NaN),
}: Pick<Contender, 'allocatedBytes'>): Promise<{ soFar(): Promise<number> }> {
  const before = await allocatedBytes();
  return { soFar: async () => (await allocatedBytes()) - before };
}
