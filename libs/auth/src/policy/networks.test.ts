import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressList, networkOf } from './networks.ts';

test('addresses and networks of both families are found, also IPv4 mapped to IPv6', () => {
  const holds = createAddressList(['127.0.0.0/8', '192.0.2.7', '::1/128', 'fd00::/8']);
  for (const address of ['127.0.0.1', '127.1.2.3', '::ffff:127.0.0.1', '192.0.2.7', '::1', 'fd12::1'])
    assert.equal(holds(address), true, address);
  for (const address of ['128.0.0.1', '192.0.2.8', '::ffff:192.0.2.8', '::2', 'fe80::1', 'unknown', ''])
    assert.equal(holds(address), false, address);
});

test('an empty list contains no address', () => {
  assert.equal(createAddressList([])('127.0.0.1'), false);
});

test('the network of an IPv6 address is its first half, and an IPv4 address is its own network', () => {
  for (const [address, network] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['2001:0db8::1:0:0:0:9', '2001:db8:0:1::/64'],
    ['2001:db8:0:2::1', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ] as const)
    assert.equal(networkOf(address), network);
});
