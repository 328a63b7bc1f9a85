import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressList } from './address-list.ts';

test('addresses and networks of both families are found, an IPv4 one in the clothes of IPv6 too', () => {
  const holds = createAddressList(['127.0.0.0/8', '192.0.2.7', '::1/128', 'fd00::/8']);
  for (const address of ['127.0.0.1', '127.1.2.3', '::ffff:127.0.0.1', '192.0.2.7', '::1', 'fd12::1'])
    assert.equal(holds(address), true, address);
  for (const address of ['128.0.0.1', '192.0.2.8', '::ffff:192.0.2.8', '::2', 'fe80::1', 'unknown', ''])
    assert.equal(holds(address), false, address);
});

test('an empty list holds nothing', () => {
  assert.equal(createAddressList([])('127.0.0.1'), false);
});
