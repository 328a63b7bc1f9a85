// Decides to which addresses an upstream can direct our requests. A registry chooses the targets of its redirects and
// its token realm. Without this rule it could make a worker fetch from the cloud's metadata service or from inside the
// network.
import type { LookupFunction } from 'node:net';
import { CacheError } from '@cistern/errors';
import ipaddr from 'ipaddr.js';
import { nameUpstream, type UpstreamIdentity } from './transport.ts';

/**
 * Addresses in public ranges at which the host of a virtual machine answers. This one is Azure's wire server, which
 * serves DHCP, DNS and secrets.
 */
const hostServices = new Set(['168.63.129.16']);
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Reports whether an address is a globally routable unicast address. If an IPv6 address embeds an IPv4 address, the
 * IPv4 address is checked.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return isPublicIpv4(parsed);
  // NAT64 (RFC 6052): in networks without IPv4 every IPv4-only host has such an address.
  if (parsed.range() === 'rfc6052' && parsed.parts[2] === 0)
    return isPublicIpv4(new ipaddr.IPv4(parsed.toByteArray().slice(12)));
  return parsed.range() === 'unicast' && parsed.match(globalUnicast);
}

function isPublicIpv4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && !hostServices.has(address.toString());
}

/**
 * Wraps a lookup so that it returns only public addresses. A connection uses the checked addresses, even if DNS changes
 * afterwards.
 */
export function publicOnly(lookup: LookupFunction, upstream: UpstreamIdentity): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null || typeof addresses === 'string') return callback(error, addresses);
      const [first, ...others] = addresses.filter(({ address }) => isPublicAddress(address));
      if (first === undefined) return callback(forbiddenAddress(upstream, hostname), []);
      return options.all === true ? callback(null, [first, ...others]) : callback(null, first.address, first.family);
    });
  };
}

/** The message omits the address, because clients see it. */
export function forbiddenAddress(upstream: UpstreamIdentity, host: string): CacheError {
  return new CacheError(
    'upstream-refused-us',
    `${nameUpstream(upstream)} points to "${host}", which has no public address. Set allowprivate for this upstream to allow it.`,
    { detail: { upstream: upstream.name, host } },
  );
}
