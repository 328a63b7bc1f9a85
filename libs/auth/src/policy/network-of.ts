// Whose network an address is in: who is counted by address is counted by that.
import ipaddr from 'ipaddr.js';

/**
 * An IPv4 address as it is, in IPv6's clothes too. Of IPv6 the half that says whose network it is (`2001:db8:0:1::/64`): of the other
 * every client has as many as it likes. What is no address comes back as it is.
 */
export function networkOf(clientIp: string): string {
  if (!ipaddr.isValid(clientIp)) return clientIp;
  const address = ipaddr.process(clientIp);
  if (address.kind() === 'ipv4') return address.toString();
  return `${address.toNormalizedString().split(':').slice(0, 4).join(':')}::/64`;
}
