import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { test } from 'node:test';
import ipaddr from 'ipaddr.js';
import { isPublicAddress } from './egress-policy.ts';

const forbidden = [
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'this network'],
  ['10.1.2.3', 'private'],
  ['100.64.0.1', 'carrier-grade NAT'],
  ['127.0.0.1', 'loopback'],
  ['127.8.8.8', 'loopback'],
  ['169.254.169.254', 'link-local, the metadata service of clouds'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['198.18.0.1', 'benchmarking'],
  ['224.0.0.1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::7f00:1', 'IPv4-compatible'],
  ['::ffff:169.254.169.254', 'IPv4-mapped link-local'],
  ['::ffff:10.0.0.1', 'IPv4-mapped private'],
  ['64:ff9b::a9fe:a9fe', 'NAT64 of the metadata service'],
  ['64:ff9b:1::1.1.1.1', 'NAT64 for local use'],
  ['2002:7f00:1::', '6to4 of loopback'],
  ['fd00:ec2::254', 'unique local, the metadata service of AWS'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local with a zone'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['localhost', 'a name'],
] as const;

for (const [address, range] of forbidden)
  test(`egress policy: ${address} (${range}) is not public`, () => assert.equal(isPublicAddress(address), false));

for (const address of [
  '1.1.1.1',
  '172.32.0.1',
  '168.63.129.15',
  '168.63.129.17',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
])
  test(`egress policy: ${address} is public`, () => assert.equal(isPublicAddress(address), true));

const octetsOf = (address: string) => address.split('.').map(Number);
const hexOf = (address: string) => {
  const [a = 0, b = 0, c = 0, d = 0] = octetsOf(address);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
};

/**
 * Returns the forms of an IPv4 address: itself, and the IPv6 addresses that mean it through a translator or a tunnel.
 */
const formsOf = (ipv4: string): readonly string[] => [
  ipv4,
  `::ffff:${ipv4}`,
  `::ffff:${hexOf(ipv4)}`,
  `::${hexOf(ipv4)}`,
  `::ffff:0:${hexOf(ipv4)}`,
  `64:ff9b::${hexOf(ipv4)}`,
  `64:ff9b:1::${hexOf(ipv4)}`,
  `2002:${hexOf(ipv4)}::1`,
];

const metadataServers = [
  ['168.63.129.16', 'the wire server of Azure'],
  ['169.254.169.254', 'most clouds'],
  ['169.254.170.2', 'containers of AWS'],
  ['169.254.0.23', 'Tencent Cloud'],
  ['100.100.100.200', 'Alibaba Cloud'],
  ['192.0.0.192', 'Oracle Cloud'],
  ['fd00:ec2::254', 'AWS'],
  ['fd00:ec2::23', 'pods of AWS'],
  ['fd20:ce::254', 'Google Cloud'],
  ['fd00:c1::a9fe:a9fe', 'Oracle Cloud'],
  ['fd00:42::42', 'Scaleway'],
  ['fe80::a9fe:a9fe', 'OpenStack'],
] as const;

for (const [address, owner] of metadataServers)
  test(`egress policy: the metadata server at ${address} (${owner}) is not public in any form`, () => {
    for (const form of isIPv4(address) ? formsOf(address) : [address]) assert.equal(isPublicAddress(form), false, form);
  });

/** IANA's registries of special-purpose addresses, IPv4 and IPv6, and the multicast, reserved and site-local ranges. */
const specialPurpose = [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24',
  '192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24',
  '224.0.0.0/4 240.0.0.0/4',
  '::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32 2002::/16',
  '2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8',
]
  .join(' ')
  .split(' ');

for (const block of specialPurpose)
  test(`egress policy: ${block} has no public address, from its first to its last`, () => {
    for (const edge of edgesOf(block))
      for (const form of isIPv4(edge) ? formsOf(edge) : [edge]) assert.equal(isPublicAddress(form), false, form);
  });

function edgesOf(block: string): readonly string[] {
  const family = block.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4;
  const [first, prefix] = family.parseCIDR(block);
  const bytes = first.toByteArray();
  const last = bytes.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, prefix - index * 8))));
  return [first.toString(), ipaddr.fromByteArray(last).toString()];
}
