// A cluster whose Redis and S3 can be slowed, and what operators see of it at its admin node.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDirectory, type Owner } from '@cistern/single-node/open-stage';
import {
  bcryptHash,
  freePort,
  mergeSections,
  openRelay,
  startAdminNode,
  startRedis,
  startS3,
} from '@cistern/test-servers';
import type { FakeUpstreamOptions } from '@cistern/fake-upstream';
import { openClusterRig } from './open-cluster-rig.ts';
import { openOperatorsView } from './open-operators-view.ts';

interface DrillOptions {
  /** The page of the console that stays open. */
  readonly page: string;
  readonly upstream?: FakeUpstreamOptions;
  readonly config?: Readonly<Record<string, unknown>>;
}

const operator = { username: 'ada', password: 's3cret' };

/** Opens two frontends, two workers and an admin node, which end with their owner. */
export async function openDrill(owner: Owner, { page, upstream, config = {} }: DrillOptions) {
  const [redis, s3, directory] = await Promise.all([startRedis(), startS3(), openDirectory(owner)]);
  owner.after(() => Promise.all([redis.close(), s3.close()]));
  const htpasswd = join(directory, 'operators');
  await writeFile(htpasswd, `${operator.username}:${await bcryptHash(operator.password)}\n`);
  const [slowRedis, slowS3] = await Promise.all([
    openRelay(owner, redis.port),
    openRelay(owner, Number(new URL(s3.endpoint).port)),
  ]);
  // Operators see a Redis that hangs within this time, which is the default.
  const common = { redis: { commandtimeout: '1500ms' }, admin: { htpasswd: { path: htpasswd } } };
  const rig = await openClusterRig(owner, {
    ...(upstream && { upstream }),
    cluster: {
      frontends: 2,
      workers: 2,
      redis: { ...redis, port: slowRedis.port, url: `redis://127.0.0.1:${slowRedis.port}` },
      s3: { ...s3, endpoint: `http://127.0.0.1:${slowS3.port}` },
      config: mergeSections(common, config),
    },
  });
  const admin = await startAdminNode(rig.cluster);
  owner.after(() => admin.stop());
  // The port of metrics for another node that a test starts.
  const extraDebugPort = await freePort();
  const view = await openOperatorsView(owner, {
    args: ['--config', rig.cluster.configFile, '--url', admin.url],
    metricsUrl: admin.metricsUrl,
    console: { url: admin.url, page, operator },
    targets: {
      admin: portsOf([admin]),
      frontend: portsOf(rig.cluster.frontends),
      worker: portsOf(rig.cluster.workers),
      extra: [`127.0.0.1:${extraDebugPort}`],
    },
  });
  return { ...rig, ...view, redis, s3, slowRedis, slowS3, extraDebugPort };
}

function portsOf(nodes: readonly { readonly debugPort: number }[]): string[] {
  return nodes.map(({ debugPort }) => `127.0.0.1:${debugPort}`);
}
