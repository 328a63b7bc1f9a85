// Which addresses an upstream may send us to. A registry chooses the targets of its redirects and its token realm, so
// without this rule any of them could make a worker fetch from the cloud's metadata service or from inside the network.
import ipaddr from 'ipaddr.js';

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
