// The section `cluster`: the secret of a cluster. Also checks the settings of a cluster that are in different sections.
import type { z } from 'zod';
import type { Secret } from '../values/secrets.ts';
import { filePath, openSection, secret } from '../values/values.ts';
import { chooseSecret, type SectionContext } from './context.ts';

export const clusterSection = openSection(
  { text: 'A cluster of several nodes, which share `redis` and the store.', default: 'a single node' },
  {
    secret: secret(
      'The secret of the cluster, the same on all nodes, at least 16 bytes. It authenticates nodes to each other and encrypts secrets in Redis. `openssl rand -hex 32` creates one.',
    ).optional(),
    secretfile: filePath('A file with the secret.').optional(),
  },
).optional();

export interface ClusterConfig {
  /** At least 16 bytes. */
  readonly secret: Secret;
}

const minSecretBytes = 16;
const howToCreateOne = 'create one with: openssl rand -hex 32';

export function buildCluster(
  cluster: NonNullable<z.output<typeof clusterSection>>,
  context: SectionContext,
): ClusterConfig | undefined {
  const chosen = chooseSecret(context, 'cluster.secret', { value: cluster.secret, file: cluster.secretfile });
  const key = cluster.secretfile === undefined ? 'cluster.secret' : 'cluster.secretfile';
  if (chosen === undefined) {
    if (cluster.secretfile === undefined)
      context.report(key, `is required (or secretfile), the same on all nodes; ${howToCreateOne}`);
    return undefined;
  }
  const bytes = Buffer.byteLength(chosen.reveal());
  if (bytes < minSecretBytes)
    context.report(key, `must have at least ${minSecretBytes} bytes, not ${bytes}; ${howToCreateOne}`);
  return { secret: chosen };
}

/** Checks that the sections `redis`, `cluster`, `storage` and `worker` fit together. */
export function checkCluster(
  { storesInMemory, workerPort }: { readonly storesInMemory: boolean; readonly workerPort: number | undefined },
  context: SectionContext,
): void {
  const [hasRedis, hasCluster] = [context.isPresent('redis'), context.isPresent('cluster')];
  if (hasRedis && storesInMemory)
    context.report(
      'redis',
      'needs a store that the nodes share: use storage.s3, or storage.filesystem on one machine or a shared directory, instead of storage.inmemory',
    );
  if (hasRedis && !hasCluster)
    context.warn(
      'redis',
      'only one node may use it without a cluster secret: for several nodes set cluster.secretfile',
    );
  if (hasCluster && !hasRedis)
    context.report('cluster', 'needs redis, in which the nodes share their index and their jobs: set redis.addrs');
  if (hasCluster && workerPort === 0)
    context.report('worker.addr', 'must have a fixed port, because other nodes connect to it, for example :5002');
}
