// Which addresses an upstream may send us to. A registry chooses the targets of its redirects and its token realm, so
// without this rule any of them could make a worker fetch from the cloud's metadata service or from inside the network.
import type { LookupFunction } from 'node:net';
import { CacheError } from '@cistern/errors';
import ipaddr from 'ipaddr.js';
import { nameUpstream, type UpstreamIdentity } from './transport.ts';

/** Public by their range, but answered by the host of a virtual machine: Azure's wire server, with DHCP, DNS and secrets. */
const hostServices = new Set(['168.63.129.16']);
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** True for globally routable unicast addresses only. An address that embeds an IPv4 address is judged by that one. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return isPublicIpv4(parsed);
  // NAT64 (RFC 6052): in networks without IPv4 every IPv4-only host looks like this.
  if (parsed.range() === 'rfc6052' && parsed.parts[2] === 0)
    return isPublicIpv4(new ipaddr.IPv4(parsed.toByteArray().slice(12)));
  return parsed.range() === 'unicast' && parsed.match(globalUnicast);
}

function isPublicIpv4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && !hostServices.has(address.toString());
}

/** A look-up that answers with public addresses only, so that connections go to the judged addresses, whatever DNS says next. */
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

/** The address itself stays out of the message: clients see it. */
export function forbiddenAddress(upstream: UpstreamIdentity, host: string): CacheError {
  return new CacheError(
    'upstream-refused-us',
    `${nameUpstream(upstream)} points to "${host}", which has no public address; set allowprivate for this upstream to permit that.`,
    { detail: { upstream: upstream.name, host } },
  );
}
