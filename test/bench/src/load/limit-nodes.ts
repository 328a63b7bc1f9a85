// Limits the CPU of a cluster's nodes for the rest of a measurement.
import { limitCpu } from './limit-cpu.ts';

interface Node {
  readonly pid: number;
  kill(): Promise<unknown>;
}

/** Limits each node to `cores`. When `ends` is disposed, the nodes are killed and the limits removed. */
export async function limitNodes(nodes: readonly Node[], cores: number, ends: AsyncDisposableStack): Promise<void> {
  for (const { pid, kill } of nodes) {
    const limit = await limitCpu(pid, cores);
    ends.defer(async () => {
      await kill();
      await limit.release();
    });
  }
}
