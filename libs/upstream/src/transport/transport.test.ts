import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRateLimit, parseRetryAfterMs, parseWarning } from './transport.ts';

test('rate limit: the headers of Docker Hub are parsed', () =>
  assert.deepEqual(
    parseRateLimit({
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '20;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    }),
    { limit: 100, remaining: 20, windowSeconds: 21_600, source: '192.0.2.1' },
  ));

test('rate limit: incomplete headers are parsed', () => {
  assert.deepEqual(parseRateLimit({ 'ratelimit-remaining': '0' }), { remaining: 0 });
  assert.deepEqual(parseRateLimit({ 'ratelimit-limit': '100, 100;w=21600' }), { limit: 100, windowSeconds: 21_600 });
  assert.equal(parseRateLimit({ 'docker-ratelimit-source': '192.0.2.1' }), undefined);
  assert.equal(parseRateLimit({ 'ratelimit-limit': 'many', 'ratelimit-remaining': '-1' }), undefined);
});

const text = 'Use example.com/new. See \\"help\\", please.';
const warnings: readonly (readonly [string | string[] | undefined, string | undefined])[] = [
  [undefined, undefined],
  [`299 - "${text}"`, `299 - "${text}"`],
  [`299 registry.example "${text}" "Tue, 01 Dec 2026 00:00:00 GMT"`, `299 - "${text}"`],
  [['299 - "one"', '110 - "Response is Stale", 299 - "two"'], '299 - "one", 299 - "two"'],
  ['110 - "say 299 of it"', undefined],
  ['299 - "no end', undefined],
  ['299 - no quotes', undefined],
  ['299 - "line\r\nbreak"', undefined],
  [`299 - "${'x'.repeat(2_000)}"`, undefined],
  [[`299 - "${'x'.repeat(900)}"`, `299 - "${'y'.repeat(900)}"`], `299 - "${'x'.repeat(900)}"`],
];
for (const [header, expected] of warnings)
  test(`warning: ${String(header).slice(0, 60)} is parsed`, () =>
    assert.equal(parseWarning({ warning: header }), expected));

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
  test(`rate limit: Retry-After ${value} is parsed`, () =>
    assert.equal(parseRetryAfterMs({ 'retry-after': value }, nowMs), expected));
