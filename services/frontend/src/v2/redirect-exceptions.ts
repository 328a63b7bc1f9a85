// Clients that are never sent to the store: those whose networks do not reach it.
import { BlockList, isIP } from 'node:net';

/** `networks`: addresses and CIDRs. An IPv4 client of a listener for both kinds (`::ffff:192.0.2.1`) counts as IPv4. */
export function createRedirectExceptions(networks: readonly string[]): (clientIp: string) => boolean {
  const excepted = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    excepted.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return (clientIp) => isIP(clientIp) !== 0 && excepted.check(clientIp, isIP(clientIp) === 6 ? 'ipv6' : 'ipv4');
}
