// Addresses and networks as a question that can be asked of a connection, or of whom a proxy says that it is.
import { BlockList, isIP } from 'node:net';

/** `networks`: addresses, or networks in CIDR notation. An IPv4 network holds its addresses in IPv6's clothes, too. */
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
