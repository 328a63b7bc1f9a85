// What every test here stands on: a registry that is scripted and counts, and a real cluster before it.
import type { Owner } from '@cistern/end-to-end/open-stage';
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from '@cistern/fake-upstream';
import { type Cluster, type ClusterNode, type ClusterOptions, startCluster } from '@cistern/test-services';

export interface ClusterRigOptions {
  readonly upstream?: FakeUpstreamOptions;
  readonly cluster?: ClusterOptions;
}

export interface ClusterRig {
  /** The cache knows it as docker.io, its default upstream. */
  readonly upstream: FakeUpstream;
  readonly cluster: Cluster;
  /** Frontends and workers. */
  readonly nodes: readonly ClusterNode[];
  /** Of `library/app/blobs/sha256:…`, for a client of the load balancer, or of another `at`. */
  urlOf(path: string, at?: { readonly url: string }): string;
}

/** The whole is ended with its owner: the context of a test, or `{ after }` of a file. */
export async function openClusterRig(owner: Owner, options: ClusterRigOptions = {}): Promise<ClusterRig> {
  const upstream = await startFakeUpstream(options.upstream);
  owner.after(() => upstream.close());
  const cluster = await startCluster({ upstreams: { 'docker.io': upstream.url }, ...options.cluster });
  owner.after(() => cluster.close());
  return {
    upstream,
    cluster,
    nodes: [...cluster.frontends, ...cluster.workers],
    urlOf: (path, at = cluster) => `${at.url}/v2/${path}`,
  };
}
