// Rules between the sections that make a cluster of nodes.
import type { SectionContext } from './sections/context.ts';

/** Which sections there are; what is wrong inside of them is said elsewhere. */
export interface ClusterSections {
  readonly hasRedis: boolean;
  readonly hasCluster: boolean;
  readonly storesInMemory: boolean;
  readonly workerPort: number | undefined;
}

export function checkCluster(sections: ClusterSections, context: SectionContext): void {
  const { hasRedis, hasCluster, storesInMemory, workerPort } = sections;
  if (hasRedis && storesInMemory)
    context.report(
      'redis',
      'needs a store that the nodes share: use storage.s3, or storage.filesystem on one machine or a shared directory, not storage.inmemory',
    );
  if (hasRedis && !hasCluster)
    context.warn(
      'redis',
      'only one node may use it: several need cluster.secretfile too, to follow the fetches of each other',
    );
  if (hasCluster && !hasRedis)
    context.report('cluster', 'needs redis, where the nodes share their index and their jobs: add redis.addrs');
  if (hasCluster && workerPort === 0)
    context.report('worker.addr', 'must name the port, because other nodes have to find it, for example :5002');
}
