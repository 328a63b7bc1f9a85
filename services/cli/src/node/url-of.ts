// A listener's address as people and clients write it.
import { isIPv6 } from 'node:net';
import type { BoundAddress } from '@cistern/runtime/process';

/** How a client on this machine reaches a listener, for example `https://localhost:5000`, or `unix:<path>`. */
export function urlOf(address: BoundAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host, port, scheme } = address;
  if (['::', '0.0.0.0', '127.0.0.1', '::1'].includes(host)) return `${scheme}://localhost:${port}`;
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
