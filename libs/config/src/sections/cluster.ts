// The secret of a cluster, and the rules between the sections that make one.
import type { z } from 'zod';
import type { Secret } from '../values/secrets.ts';
import { filePath, openSection, secret } from '../values/values.ts';
import { chooseSecret, type SectionContext } from './context.ts';

export const clusterSection = openSection(
  { text: 'Running several nodes, which share `redis` and the store.', default: 'one node' },
  {
    secret: secret(
      'Opens the workers to the frontends and seals secrets in Redis: the same on all nodes, at least 16 bytes. `openssl rand -hex 32` makes one.',
    ).optional(),
    secretfile: filePath('A file that holds the secret.').optional(),
  },
).optional();

export interface ClusterConfig {
  /** At least 16 bytes. */
  readonly secret: Secret;
}

const minSecretBytes = 16;
const howToMakeOne = 'make one with: openssl rand -hex 32';

export function buildCluster(
  cluster: NonNullable<z.output<typeof clusterSection>>,
  context: SectionContext,
): ClusterConfig | undefined {
  const chosen = chooseSecret(context, 'cluster.secret', { value: cluster.secret, file: cluster.secretfile });
  const key = cluster.secretfile === undefined ? 'cluster.secret' : 'cluster.secretfile';
  if (chosen === undefined) {
    if (cluster.secretfile === undefined)
      context.report(key, `is required, or secretfile, the same on all nodes; ${howToMakeOne}`);
    return undefined;
  }
  const bytes = Buffer.byteLength(chosen.reveal());
  if (bytes < minSecretBytes)
    context.report(key, `must have at least ${minSecretBytes} bytes, not ${bytes}; ${howToMakeOne}`);
  return { secret: chosen };
}

/** Rules between the sections that make a cluster of nodes. */
export function checkCluster(
  { storesInMemory, workerPort }: { readonly storesInMemory: boolean; readonly workerPort: number | undefined },
  context: SectionContext,
): void {
  const [hasRedis, hasCluster] = [context.isPresent('redis'), context.isPresent('cluster')];
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
