import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRateLimit, parseRetryAfterMs } from './transport.ts';

test('rate limit: what Docker Hub sends', () =>
  assert.deepEqual(
    parseRateLimit({
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '20;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    }),
    { limit: 100, remaining: 20, windowSeconds: 21_600, source: '192.0.2.1' },
  ));

test('rate limit: parts of it', () => {
  assert.deepEqual(parseRateLimit({ 'ratelimit-remaining': '0' }), { remaining: 0 });
  assert.deepEqual(parseRateLimit({ 'ratelimit-limit': '100, 100;w=21600' }), { limit: 100, windowSeconds: 21_600 });
  assert.equal(parseRateLimit({ 'docker-ratelimit-source': '192.0.2.1' }), undefined);
  assert.equal(parseRateLimit({ 'ratelimit-limit': 'many', 'ratelimit-remaining': '-1' }), undefined);
});

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const waits = [
  ['120', 120_000],
  ['0', 0],
  ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['99999999999', 6 * 60 * 60 * 1000],
  ['soon', undefined],
] as const;

for (const [value, expected] of waits)
  test(`rate limit: Retry-After ${value}`, () =>
    assert.equal(parseRetryAfterMs({ 'retry-after': value }, nowMs), expected));
