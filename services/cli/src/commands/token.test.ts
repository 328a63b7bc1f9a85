import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLifetime } from './token.ts';

test('parseLifetime accepts days, hours, minutes and never', () => {
  assert.equal(parseLifetime('90d'), 90 * 86_400_000);
  assert.equal(parseLifetime('12h'), 12 * 3_600_000);
  assert.equal(parseLifetime('30m'), 1_800_000);
  assert.equal(parseLifetime('never'), Infinity);
});

test('parseLifetime rejects anything else', () => {
  for (const text of ['', '0d', '-1d', '90', '1y', '1.5h', '3651d', '9999999d', 'Never', '1d '])
    assert.throws(() => parseLifetime(text), { name: 'CommandError' }, text);
});
