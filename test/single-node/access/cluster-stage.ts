// Opens two frontends of one cluster with users, and reads the contents of their Redis and their store.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { bcryptHash } from '@cistern/test-servers';
import { type Cluster, openCluster } from '../cluster-nodes/open-cluster.ts';
import type { StartedNode } from '../cluster-nodes/start-node.ts';
import { type Owner, openDirectory, openUpstream } from '../src/open-stage.ts';
import { readRedis } from '../src/read-redis.ts';
import { filesBelow } from '../src/store-files.ts';

export interface ClusterStage extends Omit<Cluster, 'frontends'> {
  readonly frontends: readonly [StartedNode, StartedNode];
  readonly upstream: FakeUpstream;
  /** Returns everything that a node stored in Redis or the store, as one text. */
  stored(): Promise<string>;
}

/**
 * The user `ada` can log in with `password`. `auth` configures further authentication methods. The cluster has one
 * worker.
 */
export async function openClusterStage(
  owner: Owner,
  { password, auth }: { readonly password: string; readonly auth: Readonly<Record<string, unknown>> },
): Promise<ClusterStage> {
  const upstream = await openUpstream(owner);
  const path = join(await openDirectory(owner), 'htpasswd');
  await writeFile(path, `ada:${await bcryptHash(password)}\n`);
  const cluster = await openCluster(owner, {
    config: {
      auth: { htpasswd: { realm: 'The cache', path }, ...auth },
      upstreams: { 'docker.io': { url: upstream.url, default: true }, 'ghcr.io': { url: upstream.url } },
    },
  });
  return {
    ...cluster,
    frontends: [cluster.frontends[0]!, cluster.frontends[1]!],
    upstream,
    async stored() {
      return (await readAll(cluster.rootDirectory)) + (await readRedis(cluster.redis));
    },
  };
}

/** Resolves to the content of all files as one text. Skips temporary files that are removed before they can be read. */
async function readAll(directory: string): Promise<string> {
  const read = async (file: string) => {
    try {
      return await readFile(join(directory, file), 'latin1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  };
  return (await Promise.all((await filesBelow(directory)).map(read))).join('\n');
}

export const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
