// Where an operator's wishes go: to the admin node of a cluster, or to the socket of the process on this machine.
import { adminAuthorization, adminSocketPath } from '@cistern/operations/admin-access';
import type { Config } from '@cistern/config';
import { CommandError } from '../terminal/command-error.ts';
import type { AdminTarget } from '../terminal/ask-lines.ts';

/** `url`: of the admin node, where it is not on this machine. Throws `CommandError` for a URL that is none. */
export function adminTarget(config: Config, url: string | undefined): AdminTarget {
  const socketPath = url === undefined ? adminSocketPath(config) : undefined;
  if (socketPath !== undefined) return { name: `The cache at ${socketPath}`, options: { socketPath } };
  const target = URL.parse(url ?? urlOf(config.admin));
  if (target?.protocol !== 'http:')
    throw new CommandError(`${JSON.stringify(url)} is no URL that begins with http://.`);
  return {
    name: `The admin node at ${target.origin}`,
    options: { hostname: target.hostname.replace(/^\[|\]$/g, ''), port: target.port || 80 },
    authorization: adminAuthorization(config),
  };
}

function urlOf({ address }: Config['admin']): string {
  if (address === undefined)
    throw new CommandError('The configuration says that admin.addr is nowhere: there is nobody to ask.');
  const { host, port } = address;
  return `http://${host === undefined || host === '0.0.0.0' ? 'localhost' : host}:${port}`;
}
