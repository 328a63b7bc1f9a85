import { hostname } from 'node:os';
import type { Config } from '@cistern/config';
import type { NodeRole } from './node-report.ts';

/** `cache-1:5000`: the machine and where it listens there. */
export function nodeName({ http, worker, admin }: Pick<Config, 'http' | 'worker' | 'admin'>, role: NodeRole): string {
  const addresses = { frontend: http.address, standalone: http.address, worker: worker.address, admin: admin.address };
  const address = addresses[role];
  if (address === undefined) return hostname();
  return address.kind === 'unix' ? `${hostname()}:${address.path}` : `${hostname()}:${address.port}`;
}
