import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { encodeError, encodeResult, readOutcome } from './job-layout.ts';

test('a result is decoded unchanged', () => {
  assert.equal(readOutcome<'fetch-manifest'>(encodeResult(null)), null);
  assert.deepEqual(readOutcome<'fetch-tags'>(encodeResult({ tags: ['a'] })), { tags: ['a'] });
});

test('a CacheError without options is decoded without them', () => {
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

test('a CacheError of an unknown kind is decoded as a plain Error', () => {
  const encoded = encodeError(new CacheError('denied', 'No.')).replace('"denied"', '"a-newer-kind"');
  assert.throws(
    () => readOutcome(encoded),
    (error) => error instanceof Error && !isCacheError(error) && error.message === 'No.',
  );
});

test('a thrown value that is not an Error is decoded as one', () => {
  const encoded = encodeError('a string');
  assert.throws(() => readOutcome(encoded), new Error('a string'));
});
