// Clusters that differ only in the number of their frontends or workers.
import { type ClusterNode, startCluster } from '@cistern/test-servers';
import type { Contender, ContenderKind, Site } from './contender.ts';

interface RunningCluster extends Contender {
  /** The nodes whose processes are measured. */
  readonly nodes: readonly ClusterNode[];
  close(): Promise<void>;
}

export interface SizedCluster extends ContenderKind {
  start(site: Site): Promise<RunningCluster>;
}

/** A cluster with `count` nodes of one kind, whose processes are measured, and one node of the other kind. */
export function sizedCluster(part: 'frontends' | 'workers', count: number): SizedCluster {
  return {
    name: `cistern-${count}-${part}`,
    title: `Cistern, ${count} ${count === 1 ? part.slice(0, -1) : part}`,
    async start({ upstream, s3, checkout }) {
      const upstreams = { 'docker.io': upstream.url };
      const sizes = { frontends: 1, workers: 1, [part]: count };
      const cluster = await startCluster({ ...sizes, upstreams, s3: await s3(), product: checkout });
      const nodes = cluster[part];
      return { url: cluster.url, pids: nodes.map(({ pid }) => pid), nodes, close: () => cluster.close() };
    },
  };
}
