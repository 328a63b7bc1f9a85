// Addresses of clients, and the networks that they are in.
import ipaddr from 'ipaddr.js';
import { BlockList, isIP } from 'node:net';

/**
 * The network of an address: who is counted by address is counted by that. An IPv4 address as it is, in IPv6's clothes too. Of
 * IPv6 the half that says whose network it is (`2001:db8:0:1::/64`): of the other every client has as many as it likes. What is
 * no address comes back as it is.
 */
export function networkOf(clientIp: string): string {
  if (!ipaddr.isValid(clientIp)) return clientIp;
  const address = ipaddr.process(clientIp);
  if (address.kind() === 'ipv4') return address.toString();
  return `${address.toNormalizedString().split(':').slice(0, 4).join(':')}::/64`;
}

/**
 * Addresses and networks as a question that can be asked of a connection, or of whom a proxy says that it is. `networks`:
 * addresses, or networks in CIDR notation. An IPv4 network holds its addresses in IPv6's clothes, too.
 */
export function createAddressList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
