// Starts further nodes of a running cluster.
import { dirname } from 'node:path';
import { freePort } from '../free-port.ts';
import type { Cluster } from './start-cluster.ts';
import { type ClusterNode, type ClusterNodeOptions, startClusterNode } from './start-cluster-node.ts';

/** `product` and `env` are as in `ClusterOptions`. The caller stops the node before the cluster. */
export async function startAdminNode(
  cluster: Pick<Cluster, 'configFile'>,
  product?: string,
  env: ClusterNodeOptions['env'] = {},
): Promise<ClusterNode> {
  return startExtraNode(cluster, { kind: 'admin', name: 'admin', product, env });
}

/**
 * Starts another node of a running cluster. Options without a value are those of the other nodes. The caller stops the node before
 * the cluster.
 */
export async function startExtraNode(
  { configFile }: Pick<Cluster, 'configFile'>,
  options: Pick<ClusterNodeOptions, 'kind' | 'name'> &
    Partial<Pick<ClusterNodeOptions, 'env' | 'prefix' | 'product' | 'debugPort'>>,
): Promise<ClusterNode> {
  return startClusterNode({
    port: await freePort(),
    debugPort: await freePort(),
    configFile,
    directory: dirname(configFile),
    env: {},
    prefix: [],
    stopTimeoutMs: 60_000,
    ...options,
  });
}
