import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateFor } from './rate-for.ts';

test('a rate is a multiple of 500 that takes three tenths of a core, within limits', () => {
  assert.deepEqual([19e-6, 23e-6, 99e-6].map(rateFor), [15_500, 13_000, 3000]);
  assert.deepEqual([1e-6, 0, 0.1].map(rateFor), [20_000, 20_000, 500]);
});
