// Headers of broken or hostile upstreams: each parser returns a valid value or none, and never throws.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseNextLink } from './calls/list-calls.ts';
import { parseChallenges } from './transport/challenge.ts';
import { parseRateLimit, parseRetryAfterMs } from './transport/transport.ts';

/** Generates words of the grammar in any order, mixed with other text. */
function nearly(words: readonly string[], maxLength = 24): fc.Arbitrary<string> {
  const piece = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 4 }));
  return fc.array(piece, { maxLength, size: 'max' }).map((pieces) => pieces.join(''));
}

const challengeWords = [
  'Bearer ',
  'Basic ',
  'realm',
  '=',
  '"',
  '\\',
  '\\"',
  ',',
  ' ',
  'scope',
  'https://auth.example/token',
  '==',
];
const linkWords = ['<', '>', ';', ' rel=', '"next"', 'next', '/v2/a/tags/list?last=b', ',', 'https://[', '%'];

test('parsed challenges have schemes and names in lower case, for any input', () => {
  fc.assert(
    fc.property(fc.oneof(nearly(challengeWords), fc.array(nearly(challengeWords), { maxLength: 3 })), (fields) => {
      for (const { scheme, parameters } of parseChallenges(fields)) {
        assert.match(scheme, /^[\w!#$%&'*+.^`|~-]+$/);
        assert.equal(scheme, scheme.toLowerCase());
        for (const name of parameters.keys()) assert.equal(name, name.toLowerCase());
      }
    }),
  );
});

test('a valid challenge is parsed without a loss', () => {
  const value = fc.string({ unit: fc.constantFrom('a', 'Z', '/', ':', ' ', ',', '=', '"', '\\', '?'), maxLength: 20 });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom('realm', 'service', 'scope', 'error')),
      fc.infiniteStream(value),
      (names, values) => {
        const wanted = new Map(names.map((name) => [name, values.next().value as string]));
        const quoted = [...wanted].map(([name, text]) => `${name}="${text.replaceAll(/["\\]/g, '\\$&')}"`);
        const [challenge, ...more] = parseChallenges(`Bearer ${quoted.join(', ')}`);
        assert.equal(challenge?.scheme, 'bearer');
        assert.deepEqual(new Map(challenge?.parameters), wanted);
        assert.deepEqual(more, []);
      },
    ),
  );
});

test('the link to a next page is parsed as a URL or as undefined', () => {
  const base = new URL('https://registry.example/v2/a/tags/list');
  fc.assert(fc.property(nearly(linkWords), (header) => void parseNextLink(header, base)?.href));
});

test('long headers that are almost valid are parsed in linear time', () => {
  const words = fc.constantFrom('realm', '=', '"', '\\', ' ', '\t', ',', 'a', '<', '>', ';', 'rel', '==');
  const base = new URL('https://registry.example/');
  fc.assert(
    fc.property(fc.array(words, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 2000 }), (unit, times) => {
      const field = unit.join('').repeat(times);
      parseChallenges(field);
      parseNextLink(field, base);
    }),
    { numRuns: 200 },
  );
});

test('parsed budgets and waits are whole, not negative and bounded', () => {
  const number = fc.oneof(fc.nat().map(String), fc.constantFrom('-1', '1e9', '9'.repeat(40), '', ' 5 ', 'soon', '1.5'));
  const limit = fc
    .tuple(number, fc.constantFrom('', ';w=21600', ';w=', '; w=-1', ';w=99999999999999'))
    .map((all) => all.join(''));
  const date = fc.date({ noInvalidDate: true }).map((value) => value.toUTCString());
  fc.assert(
    fc.property(limit, limit, fc.oneof(number, date), (all, left, wait) => {
      const headers = { 'ratelimit-limit': all, 'ratelimit-remaining': left, 'retry-after': wait };
      const { source: _, ...numbers } = parseRateLimit(headers) ?? {};
      for (const value of Object.values(numbers)) assert.ok(Number.isSafeInteger(value) && value >= 0, `${value}`);
      const waitMs = parseRetryAfterMs(headers, 0);
      assert.ok(waitMs === undefined || (waitMs >= 0 && waitMs <= 6 * 60 * 60 * 1000), `${waitMs}`);
    }),
  );
});
