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
  const remember = (key: string, ip: string, isProxied: boolean): ClientAddress => {
    const address = { ip, shown: plainAddress(ip), isProxied };
    known.set(key, address);
    return address;
  };
  return (request: IncomingMessage, { forwardedFor }: MemoryFields): ClientAddress | undefined => {
    const { remoteAddress } = request.socket;
    if (remoteAddress === undefined) return undefined;
    const peer =
      known.get(remoteAddress) ?? remember(remoteAddress, remoteAddress, hasProxies && trust(remoteAddress, 0));
    if (!peer.isProxied || forwardedFor === undefined) return peer;
    if (forwardedFor.length > maxForwarded) return undefined;
    const key = `${remoteAddress} ${forwardedFor}`;
    return known.get(key) ?? remember(key, all(request, trust).at(-1) ?? remoteAddress, true);
  };
}
