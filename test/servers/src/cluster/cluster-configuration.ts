// Creates the configuration that all nodes of a cluster under test read. Settings that differ between nodes are in
// their environment.
import { commandTimeoutMs } from '../command-timeout-ms.ts';
import { haproxyAddress } from '../haproxy/haproxy-configuration.ts';
import type { Redis } from '../redis/start-redis.ts';
import type { S3 } from '../s3/start-s3.ts';

export interface ClusterSettings {
  readonly redis: Redis;
  readonly keyPrefix: string;
  readonly s3: S3;
  readonly bucket: string;
  readonly secret: string;
  /** The URLs of the upstreams by name. The first upstream is the default. */
  readonly upstreams: Readonly<Record<string, string>>;
}

export function clusterConfiguration(settings: ClusterSettings): Record<string, unknown> {
  const { redis, keyPrefix, s3, bucket, secret } = settings;
  const upstreams = Object.entries(settings.upstreams).map(([name, url], index) => [
    name,
    // The upstream runs in the process of the test. This process can be busy with received data for longer than the
    // default of `silence`.
    { url, default: index === 0, timeouts: { silence: '10s' } },
  ]);
  return {
    version: '0.1',
    log: { formatter: 'json', accesslog: { disabled: true } },
    http: {
      draintimeout: '10s',
      proxyprotocol: true,
      trustedproxies: [`${haproxyAddress}/32`],
      debug: { prometheus: { enabled: true } },
    },
    storage: {
      s3: {
        regionendpoint: s3.endpoint,
        region: s3.region,
        accesskey: s3.accessKey,
        secretkey: s3.secretKey,
        bucket,
        createbucket: true,
      },
    },
    redis: {
      addrs: [`${redis.host}:${redis.port}`],
      keyprefix: keyPrefix,
      commandtimeout: `${commandTimeoutMs.patient}ms`,
      ...(redis.username !== undefined && { username: redis.username }),
      ...(redis.password !== undefined && { password: redis.password }),
    },
    cluster: { secret },
    ...(upstreams.length > 0 && { upstreams: Object.fromEntries(upstreams) }),
  };
}
