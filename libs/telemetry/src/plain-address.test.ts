import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainAddress } from './plain-address.ts';

test('an IPv4 address mapped to IPv6 is shown as IPv4', () => {
  assert.equal(plainAddress('::ffff:10.0.3.7'), '10.0.3.7');
  assert.equal(plainAddress('::FFFF:10.0.3.7'), '10.0.3.7');
  for (const other of ['10.0.3.7', '::1', '2001:db8::1', '::ffff:0:1', '']) assert.equal(plainAddress(other), other);
});
