// How the CLI gets access to the admin server. In a cluster, the CLI sends a token that it derives from the cluster's secret. A
// single process listens on a socket in the directory of its index, and only the user of the process can open this socket.
import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { type Config, indexDirectory } from '@cistern/config';

/**
 * Returns the value of the `Authorization` header for a cluster's admin node. Returns `undefined` if no cluster is configured.
 */
export function adminAuthorization({ cluster }: Pick<Config, 'cluster'>): string | undefined {
  if (cluster === undefined) return undefined;
  const token = Buffer.from(hkdfSync('sha256', cluster.secret.reveal(), '', 'cistern admin v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/**
 * Returns the path of the socket of a single process. Returns `undefined` if the index is in Redis, or if the process has no
 * directory.
 */
export function adminSocketPath({ redis, storage }: Pick<Config, 'redis' | 'storage'>): string | undefined {
  const directory = redis === undefined ? indexDirectory(storage) : undefined;
  return directory && join(directory, 'admin.sock');
}
