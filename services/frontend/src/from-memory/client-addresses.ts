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

/** Returns a function that finds the address, or `undefined` for a client without one, such as that of a Unix socket. */
export function createClientAddresses(trustedProxies: readonly string[]) {
  const trust = compile([...trustedProxies]);
  const hasProxies = trustedProxies.length > 0;
  const known = new LRUCache<string, ClientAddress>({ max: maxAddresses });
  return (request: IncomingMessage, { forwardedFor }: MemoryFields): ClientAddress | undefined => {
    const { remoteAddress } = request.socket;
    if (remoteAddress === undefined) return undefined;
    const key = hasProxies && forwardedFor !== undefined ? `${remoteAddress} ${forwardedFor}` : remoteAddress;
    const found = known.get(key);
    if (found !== undefined) return found;
    const isProxied = hasProxies && trust(remoteAddress, 0);
    const ip = (hasProxies ? all(request, trust).at(-1) : undefined) ?? remoteAddress;
    const address = { ip, shown: plainAddress(ip), isProxied };
    known.set(key, address);
    return address;
  };
}
