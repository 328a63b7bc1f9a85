// Starts a cluster with an admin node, an operator, and a real client that pulls again and again.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDirectory, openUpstream, type Owner } from '@cistern/single-node/open-stage';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { bcryptHash, startAdminNode, startCluster } from '@cistern/test-servers';

const run = promisify(execFile);

export const operator = { username: 'ada', password: 's3cret' };

export interface LoadedCluster {
  readonly upstream: FakeUpstream;
  /** URLs of the cache and of its admin node. */
  readonly cacheUrl: string;
  readonly adminUrl: string;
  readonly auditFile: string;
  stopAdmin(): Promise<void>;
  startAdmin(): Promise<void>;
}

/** The upstream has `library/app:1` and `library/other:1`, and docker.io’s rate limit. */
export async function openLoadedCluster(owner: Owner): Promise<LoadedCluster> {
  const directory = await openDirectory(owner);
  const [htpasswd, auditFile] = [join(directory, 'operators'), join(directory, 'audit.log')];
  await writeFile(htpasswd, `${operator.username}:${await bcryptHash(operator.password)}\n`);
  const upstream = await openUpstream(owner, { rateLimit: { limit: 200, windowSeconds: 21_600 } });
  for (const name of ['app', 'other'])
    upstream.addImage(`library/${name}`, {
      tag: '1',
      layers: [
        { size: 300_000, seed: name },
        { size: 2_000_000, seed: `${name} too` },
      ],
    });
  const cluster = await startCluster({
    frontends: 2,
    workers: 1,
    upstreams: { 'docker.io': upstream.url },
    config: {
      // With this TTL the operator finds a moved tag before the next pull does.
      upstreams: { 'docker.io': { ttl: '1h' } },
      admin: { htpasswd: { path: htpasswd } },
      audit: { path: auditFile },
    },
  });
  owner.after(() => cluster.close());
  const admin = await startAdminNode(cluster);
  owner.after(async () => void (await admin.stop()));
  const stopping = new AbortController();
  const load = pullRepeatedly(cluster.url.replace('http://', ''), directory, stopping.signal);
  owner.after(async () => {
    stopping.abort();
    await load;
  });
  return {
    upstream,
    cacheUrl: cluster.url,
    adminUrl: admin.url,
    auditFile,
    stopAdmin: async () => void (await admin.stop()),
    startAdmin: () => admin.start(),
  };
}

/** Failed pulls are ignored, because the test takes an upstream offline and purges images meanwhile. */
async function pullRepeatedly(cache: string, directory: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted)
    for (const name of ['app', 'other'])
      await run(
        'skopeo',
        [
          'copy',
          '--src-tls-verify=false',
          `docker://${cache}/docker.io/library/${name}:1`,
          `dir:${join(directory, name)}`,
        ],
        { signal },
      ).catch(() => {});
}
