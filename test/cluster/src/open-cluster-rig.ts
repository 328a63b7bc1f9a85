// The basis of every test here: a scripted registry that counts requests, and a real cluster in front of it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from '@cistern/single-node/open-stage';
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from '@cistern/fake-upstream';
import { type Cluster, type ClusterNode, type ClusterOptions, startCluster } from '@cistern/test-servers';

export interface ClusterRigOptions {
  readonly upstream?: FakeUpstreamOptions;
  readonly cluster?: ClusterOptions;
}

export interface ClusterRig {
  /** The upstream that the cache knows as docker.io, its default upstream. */
  readonly upstream: FakeUpstream;
  readonly cluster: Cluster;
  /** All frontends and workers. */
  readonly nodes: readonly ClusterNode[];
  /** Returns the URL of a path such as `library/app/blobs/sha256:…`, at the load balancer or at another `at`. */
  urlOf(path: string, at?: { readonly url: string }): string;
}

/**
 * The rig is closed with its owner: the context of a test, or `{ after }` of a file. If CISTERN_TEST_LOGS names a
 * directory, the logs of the nodes and of haproxy stay there.
 */
export async function openClusterRig(owner: Owner, options: ClusterRigOptions = {}): Promise<ClusterRig> {
  const upstream = await startFakeUpstream(options.upstream);
  owner.after(() => upstream.close());
  const cluster = await startCluster({ upstreams: { 'docker.io': upstream.url }, ...options.cluster });
  const nodes = [...cluster.frontends, ...cluster.workers];
  owner.after(async () => {
    const { CISTERN_TEST_LOGS: directory } = process.env;
    if (directory !== undefined) {
      await mkdir(directory, { recursive: true });
      const haproxy = { name: 'haproxy', log: cluster.haproxy.process.outputLines };
      for (const { name, log } of [...nodes, haproxy])
        await writeFile(join(directory, `${name}.log`), log().join('\n'));
    }
    await cluster.close();
  });
  return {
    upstream,
    cluster,
    nodes,
    urlOf: (path, at = cluster) => `${at.url}/v2/${path}`,
  };
}
