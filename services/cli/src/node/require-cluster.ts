// Commands that are parts of a cluster say what a configuration of one node lacks.
import type { Config } from '@cistern/config';
import { StartError } from '@cistern/runtime/process';

const redis = 'redis (where index and jobs are shared, for example redis: { addrs: ["redis:6379"] })';
const cluster =
  'cluster (the secret of the nodes, for example cluster: { secretfile: /run/secrets/cistern }, made with openssl rand -hex 32)';

/** Throws `StartError` unless `config` is that of a cluster. */
export function requireCluster(config: Config, command: string, { secret }: { readonly secret: boolean }): void {
  const missing = [
    ...(config.redis === undefined ? [redis] : []),
    ...(secret && config.cluster === undefined ? [cluster] : []),
  ];
  if (missing.length > 0)
    throw new StartError(
      `"cistern ${command}" is one node of a cluster, and the configuration has no ${missing.join(' and no ')}: add that, or run the whole cache in one process with "cistern serve".`,
    );
}
