import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { encodeError, encodeResult, readOutcome } from './job-layout.ts';

test('a result comes back as it was', () => {
  assert.equal(readOutcome<'fetch-manifest'>(encodeResult(null)), null);
  assert.deepEqual(readOutcome<'fetch-tags'>(encodeResult({ tags: ['a'] })), { tags: ['a'] });
});

test('a CacheError without options comes back without them', () => {
  const encoded = encodeError(new CacheError('denied', 'You may not read this.'));
  assert.throws(
    () => readOutcome(encoded),
    (error) =>
      isCacheError(error, 'denied') &&
      error.message === 'You may not read this.' &&
      error.detail === undefined &&
      !error.retryable &&
      error.retryAfterMs === undefined,
  );
});

test('a CacheError of a kind that this release does not know is an error of no kind', () => {
  const encoded = encodeError(new CacheError('denied', 'No.')).replace('"denied"', '"a-newer-kind"');
  assert.throws(
    () => readOutcome(encoded),
    (error) => error instanceof Error && !isCacheError(error) && error.message === 'No.',
  );
});

test('what is thrown and is no error becomes one', () => {
  const encoded = encodeError('a string');
  assert.throws(() => readOutcome(encoded), new Error('a string'));
});
