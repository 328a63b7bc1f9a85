// How other nodes reach a worker's fill server when nobody has said it.
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { Config } from '@cistern/config';

/** Without a trailing slash. An address that means every interface is no way to this machine: its host name is. */
export function advertisedAddress({
  advertise,
  tls,
  address,
}: Pick<Config['worker'], 'advertise' | 'tls' | 'address'>) {
  if (advertise !== undefined) return advertise;
  const { host, port } = address;
  const name = host === undefined || ['0.0.0.0', '::'].includes(host) ? hostname() : host;
  return `${tls === undefined ? 'http' : 'https'}://${isIPv6(name) ? `[${name}]` : name}:${port}`;
}
