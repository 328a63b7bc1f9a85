// Starts another worker of a running cluster in its own network namespace. The worker reaches Redis and S3, but no
// upstream. Frontends reach the worker.
import { dirname } from 'node:path';
import { freePort } from '../free-port.ts';
import { openNamespace } from './open-namespace.ts';
import type { Cluster } from './start-cluster.ts';
import { type ClusterNode, startClusterNode } from './start-cluster-node.ts';

export interface LostWorker {
  readonly node: ClusterNode;
  /** The words before a command that make it run in the worker's network namespace. */
  readonly prefix: readonly string[];
  close(): Promise<void>;
}

/** Requires root on Linux, and an `s3` that listens on 127.0.0.1. The caller closes the worker before the cluster. */
export async function startLostWorker({ configFile, redis, s3 }: Cluster): Promise<LostWorker> {
  const [port, debugPort] = [await freePort(), await freePort()];
  const outward = [redis.port, Number(new URL(s3.endpoint).port)];
  const { prefix, close } = await openNamespace({ inward: [port, debugPort], outward });
  try {
    const node = await startClusterNode({
      kind: 'worker',
      name: 'lost-worker',
      port,
      debugPort,
      configFile,
      directory: dirname(configFile),
      env: {},
      prefix,
      stopTimeoutMs: 60_000,
    });
    return {
      node,
      prefix,
      async close() {
        await node.kill();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
