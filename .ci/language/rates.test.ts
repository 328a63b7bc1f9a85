// language: the snippets are wrong on purpose
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureRates } from './rates.mjs';

const ratesOf = (...texts: readonly string[]) =>
  Object.fromEntries(measureRates(texts).map(({ word, rate }) => [word, rate]));

test('a rate is the uses per 1,000 words of all texts together', () => {
  const filler = Array.from({ length: 498 }, () => 'word').join(' ');
  assert.deepEqual(ratesOf(`Who asks ${filler}`, `what it has whoever ${filler}`.replace(' word word', '')), {
    who: 2,
    'nobody, somebody': 0,
    tell: 0,
    what: 1,
  });
});

test('forms of a word count, parts of other words do not', () => {
  assert.deepEqual(ratesOf('whom nobody told whatever'), { who: 250, 'nobody, somebody': 250, tell: 250, what: 250 });
  assert.deepEqual(ratesOf('whole stellar somewhat'), { who: 0, 'nobody, somebody': 0, tell: 0, what: 0 });
});

test('no text has rates of 0', () => {
  assert.deepEqual(ratesOf(), { who: 0, 'nobody, somebody': 0, tell: 0, what: 0 });
});
