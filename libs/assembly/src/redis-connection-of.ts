// From the configuration's account of Redis to the one that the index and the queue open, in which secrets are open.
import type { RedisConnection } from '@cistern/redis';
import type { RedisConfig } from '@cistern/config';

type Configured = RedisConfig['connection'];

/** The result is not to be logged. */
export function redisConnectionOf(connection: Configured): RedisConnection {
  const account = {
    username: connection.username,
    password: connection.password?.reveal(),
    tls: tlsOf(connection.tls),
  };
  switch (connection.kind) {
    case 'standalone': {
      const { kind, host, port, db } = connection;
      return { kind, host, port, db, ...account };
    }
    case 'sentinel': {
      const { kind, sentinels, name, db, sentinelUsername, sentinelPassword } = connection;
      return { kind, sentinels, name, db, sentinelUsername, sentinelPassword: sentinelPassword?.reveal(), ...account };
    }
    case 'cluster':
      return { kind: connection.kind, nodes: connection.nodes, ...account };
    default:
      return connection satisfies never;
  }
}

function tlsOf(tls: Configured['tls']): RedisConnection['tls'] {
  if (tls === undefined) return undefined;
  const { ca, clientCertificate } = tls;
  return {
    ...(ca !== undefined && { ca: [...ca] }),
    ...(clientCertificate !== undefined && {
      cert: clientCertificate.certificate,
      key: clientCertificate.key.reveal(),
    }),
  };
}
