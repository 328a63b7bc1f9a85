import assert from 'node:assert/strict';
import { test } from 'node:test';
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

for (const [address, what] of forbidden)
  test(`egress policy: ${address} (${what}) is not public`, () => assert.equal(isPublicAddress(address), false));

for (const address of ['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])
  test(`egress policy: ${address} is public`, () => assert.equal(isPublicAddress(address), true));
