// Finds the address of a client behind trusted proxies, as Fastify does, and remembers it.
import type { IncomingMessage } from 'node:http';
import { all, compile } from '@fastify/proxy-addr';
import { plainAddress } from '@cistern/telemetry';
import { LRUCache } from 'lru-cache';
import type { MemoryFields } from './read-fields.ts';

export interface ClientAddress {
  /** The address as Fastify's `request.ip` has it. */
  readonly ip: string;
  /** The address for the log. */
  readonly shown: string;
  /** True if the other end of the connection is a trusted proxy. */
  readonly isProxied: boolean;
}

const maxAddresses = 10_000;
/** Three or four addresses. A longer header is not remembered. */
const maxForwarded = 200;

/**
 * Returns a function that finds the address. It returns `undefined` for a client without one, such as that of a Unix socket, and
 * for a very long `X-Forwarded-For`.
 */
export function createClientAddresses(trustedProxies: readonly string[]) {
  const trust = compile([...trustedProxies]);
  const hasProxies = trustedProxies.length > 0;
  const known = new LRUCache<string, ClientAddress>({ max: maxAddresses });
  const proxies = new LRUCache<string, boolean>({ max: maxAddresses });
  const isProxy = (address: string) => {
    let found = proxies.get(address);
    if (found === undefined) proxies.set(address, (found = trust(address, 0)));
    return found;
  };
  return (request: IncomingMessage, { forwardedFor }: MemoryFields): ClientAddress | undefined => {
    const { remoteAddress } = request.socket;
    if (remoteAddress === undefined) return undefined;
    const isProxied = hasProxies && isProxy(remoteAddress);
    const forwarded = isProxied ? forwardedFor : undefined;
    if (forwarded !== undefined && forwarded.length > maxForwarded) return undefined;
    const key = forwarded === undefined ? remoteAddress : `${remoteAddress} ${forwarded}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const ip = (isProxied ? all(request, trust).at(-1) : undefined) ?? remoteAddress;
    const address = { ip, shown: plainAddress(ip), isProxied };
    known.set(key, address);
    return address;
  };
}
