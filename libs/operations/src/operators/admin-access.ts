// The credentials of the CLI at the admin server. In a cluster, it is a token that all nodes can derive. A single process listens on
// a socket next to its index, which only the user of the process can open.
import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { type Config, indexDirectory } from '@cistern/config';

/** Returns the `Authorization` header for a cluster's admin node; `undefined` without a cluster. */
export function adminAuthorization({ cluster }: Pick<Config, 'cluster'>): string | undefined {
  if (cluster === undefined) return undefined;
  const token = Buffer.from(hkdfSync('sha256', cluster.secret.reveal(), '', 'cistern admin v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/** Returns `undefined` if the process has no directory of its own. */
export function adminSocketPath({ redis, storage }: Pick<Config, 'redis' | 'storage'>): string | undefined {
  const directory = redis === undefined ? indexDirectory(storage) : undefined;
  return directory && join(directory, 'admin.sock');
}
