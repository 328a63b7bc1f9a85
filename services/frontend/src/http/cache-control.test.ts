import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshnessOptions } from './request-fields.ts';

const everybody = { mayRevalidate: () => true };
const optionsOf = (value: string) =>
  freshnessOptions(everybody, { headers: { 'cache-control': value }, ip: '192.0.2.1' });

test('no-cache and max-age are understood among others', () => {
  assert.deepEqual(optionsOf('no-cache'), { forceRevalidation: true });
  assert.deepEqual(optionsOf('No-Store, No-Cache'), { forceRevalidation: true });
  assert.deepEqual(optionsOf('max-age=0, no-cache'), { forceRevalidation: true, maxAgeMs: 0 });
  assert.deepEqual(optionsOf('max-stale=5, Max-Age="60"'), { forceRevalidation: false, maxAgeMs: 60_000 });
});

test('anything else asks for nothing', () => {
  for (const value of ['', 'x-no-cache', 'max-age=-1', 'max-age=soon', 's-max-age=5', 'max-age'])
    assert.deepEqual(optionsOf(value), { forceRevalidation: false });
  assert.deepEqual(freshnessOptions(everybody, { headers: {}, ip: '192.0.2.1' }), { forceRevalidation: false });
});
