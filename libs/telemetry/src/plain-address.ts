// Shows the addresses of clients as people write them.

const mappedIpv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Returns an IPv4 address that is mapped to IPv6 as IPv4: `10.0.3.7` for `::ffff:10.0.3.7`, as sockets that accept both families
 * report it. Returns any other text unchanged.
 */
export function plainAddress(address: string): string {
  return address.startsWith('::') ? address.replace(mappedIpv4, '$1') : address;
}
