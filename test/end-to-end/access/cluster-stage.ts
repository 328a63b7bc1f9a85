// Two frontends of one cluster, with users; what lies in their Redis and their store can be looked through.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { bcryptHash, type Redis, startRedis } from '@cistern/test-services';
import { type StartedNode, startNode } from '../cluster-nodes/start-node.ts';
import { type Owner, openDirectory, openUpstream } from '../src/open-stage.ts';

export interface ClusterStage {
  readonly upstream: FakeUpstream;
  readonly configFile: string;
  readonly rootDirectory: string;
  readonly frontends: readonly [StartedNode, StartedNode];
  startFrontend(): Promise<StartedNode>;
  /** Everything that a node has put into Redis or the store, as one text. */
  stored(): Promise<string>;
}

const clusterSecret = 'the secret of this cluster';

/** `auth`: further ways to come in, beside the user `ada`. A worker fetches. */
export async function openClusterStage(
  owner: Owner,
  { password, auth }: { readonly password: string; readonly auth: Readonly<Record<string, unknown>> },
): Promise<ClusterStage> {
  const directory = await openDirectory(owner);
  const upstream = await openUpstream(owner);
  const redis = await startRedis();
  owner.after(() => redis.close());
  const path = join(directory, 'htpasswd');
  await writeFile(path, `ada:${await bcryptHash(password)}\n`);
  const rootDirectory = join(directory, 'store');
  const configFile = join(directory, 'cluster.yml');
  const config = {
    redis: { addr: `127.0.0.1:${redis.port}`, commandtimeout: '10s' },
    cluster: { secret: clusterSecret },
    storage: { filesystem: { rootdirectory: rootDirectory } },
    http: { debug: { prometheus: { enabled: true } } },
    log: { level: 'debug', formatter: 'json' },
    auth: { htpasswd: { realm: 'The cache', path }, ...auth },
    upstreams: { 'docker.io': { url: upstream.url, default: true }, 'ghcr.io': { url: upstream.url } },
  };
  await writeFile(configFile, JSON.stringify(config));
  const startFrontend = () => startNode(owner, 'frontend', configFile);
  await startNode(owner, 'worker', configFile);
  return {
    upstream,
    configFile,
    rootDirectory,
    frontends: [await startFrontend(), await startFrontend()],
    startFrontend,
    async stored() {
      return (await readAll(rootDirectory)) + (await readRedis(redis));
    },
  };
}

async function readAll(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

const reads: Readonly<Record<string, readonly [command: string, ...rest: string[]]>> = {
  string: ['GET'],
  hash: ['HGETALL'],
  list: ['LRANGE', '0', '-1'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1'],
  stream: ['XRANGE', '-', '+'],
};

async function readRedis(redis: Redis): Promise<string> {
  const keys = (await redis.command('KEYS', '*')).split('\n').filter((key) => key !== '');
  const values = keys.map(async (key) => {
    const read = reads[await redis.command('TYPE', key)];
    // It may have gone meanwhile.
    return read === undefined ? '' : redis.command(read[0], key, ...read.slice(1));
  });
  return [...keys, ...(await Promise.all(values))].join('\n');
}

export const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
