// Handles addresses of clients and their networks.
import ipaddr from 'ipaddr.js';
import { BlockList, isIP } from 'node:net';

/**
 * Returns the network of an address, by which clients are counted. An IPv4 address is its own network, even when it is
 * mapped to IPv6. For IPv6 the network is the first half (`2001:db8:0:1::/64`), because a client can choose any number
 * of addresses within it. Text that is not an address is returned unchanged.
 */
export function networkOf(clientIp: string): string {
  if (!ipaddr.isValid(clientIp)) return clientIp;
  const address = ipaddr.process(clientIp);
  if (address.kind() === 'ipv4') return address.toString();
  return `${address.toNormalizedString().split(':').slice(0, 4).join(':')}::/64`;
}

/**
 * Creates a check whether an address is in a list. `networks` are addresses, or networks in CIDR notation. An IPv4
 * network also contains its addresses mapped to IPv6.
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
