import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRequestFacts } from './request-facts.ts';
import { bothLines } from './testing/both-lines.ts';

test('what strangers send is written as the logger would, whatever it is', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constant('Bearer s3cr3t-t0ken'));
  fc.assert(
    fc.property(text, text, text, (url, userAgent, referer) => {
      const [general, short] = bothLines(createRequestFacts({ url, userAgent, referer, startedAtMs: 1 }));
      assert.equal(short, general);
    }),
    { numRuns: 300 },
  );
});
