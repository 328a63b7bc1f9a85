// Who may do more than look, and where. A cluster's admin node asks for a token that all nodes can make; a single process
// listens on a socket beside its index, which the system lets nobody else but its user open.
import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { type Config, indexDirectory } from '@cistern/config';

/** The value of the `Authorization` header for a cluster's admin node; `undefined`: nobody may. */
export function adminAuthorization({ cluster }: Pick<Config, 'cluster'>): string | undefined {
  if (cluster === undefined) return undefined;
  const token = Buffer.from(hkdfSync('sha256', cluster.secret.reveal(), '', 'cistern admin v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/** `undefined` where there is no directory that is this process's alone. */
export function adminSocketPath({ redis, storage }: Pick<Config, 'redis' | 'storage'>): string | undefined {
  const directory = redis === undefined ? indexDirectory(storage) : undefined;
  return directory && join(directory, 'admin.sock');
}
