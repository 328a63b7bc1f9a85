// Starts the admin node of a running cluster.
import { dirname } from 'node:path';
import { freePort } from '../free-port.ts';
import type { Cluster } from './start-cluster.ts';
import { type ClusterNode, startClusterNode } from './start-cluster-node.ts';

/** `product` is as in `ClusterOptions`. The caller stops the node before the cluster. */
export async function startAdminNode(
  { configFile }: Pick<Cluster, 'configFile'>,
  product?: string,
): Promise<ClusterNode> {
  return startClusterNode({
    kind: 'admin',
    name: 'admin',
    port: await freePort(),
    debugPort: await freePort(),
    configFile,
    directory: dirname(configFile),
    env: {},
    prefix: [],
    stopTimeoutMs: 60_000,
    product,
  });
}
