// Configurations of the simulated nodes: one file for all nodes, and an environment for each, as in a real cluster.
import { type Config, loadConfig } from '@cistern/config';
import { simulatedRoot } from '../world/files/file-system.ts';

export interface NodeSettings {
  /** YAML for the settings that not all runs share: the upstreams, limits of the store and similar. */
  readonly file: string;
  readonly endpoint: string;
}

const loaded = new Map<string, Config>();

/** `port` is the registry's port for a frontend and the fill server's port for a worker. */
export function nodeConfig(
  role: 'frontend' | 'worker' | 'admin',
  port: number,
  { file, endpoint }: NodeSettings,
): Config {
  const key = `${role} ${port} ${endpoint}\n${file}`;
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const address = { frontend: 'REGISTRY_HTTP_ADDR', worker: 'REGISTRY_WORKER_ADDR', admin: 'REGISTRY_ADMIN_ADDR' }[
    role
  ];
  const config = loadConfig({
    path: 'cluster.yml',
    readFile: () => `version: 0.1\nhttp: { debug: { addr: '' }, trustedproxies: [127.0.0.0/8] }\n${file}`,
    env: {
      [address]: `127.0.0.1:${port}`,
      REGISTRY_REDIS_ADDR: 'redis:6379',
      REGISTRY_CLUSTER_SECRET: 'the secret of the simulated cluster',
      REGISTRY_HEALTH_STORAGEDRIVER_ENABLED: 'false',
      REGISTRY_STORAGE_S3_BUCKET: 'cistern',
      REGISTRY_STORAGE_S3_REGIONENDPOINT: endpoint,
      REGISTRY_STORAGE_S3_ACCESSKEY: 'access',
      REGISTRY_STORAGE_S3_SECRETKEY: 'secret',
      REGISTRY_STORAGE_S3_CREATEBUCKET: 'true',
      REGISTRY_WORKER_ADVERTISE: `http://127.0.0.1:${port}`,
      REGISTRY_WORKER_SPOOL_DIRECTORY: `${simulatedRoot}/spool/${port}`,
    },
    defaults: { rootDirectory: simulatedRoot },
  });
  loaded.set(key, config);
  return config;
}
