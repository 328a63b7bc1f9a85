import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRequestFacts } from './request-facts.ts';
import { bothLines } from './testing/both-lines.ts';

test('arbitrary text from clients is written as the logger would write it', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constant('Bearer s3cr3t-t0ken'));
  fc.assert(
    fc.property(text, text, text, (url, userAgent, referer) => {
      const [general, short] = bothLines(createRequestFacts({ url, userAgent, referer, startedAtMs: 1 }));
      assert.equal(short, general);
    }),
    { numRuns: 300 },
  );
});
