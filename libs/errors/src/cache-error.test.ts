import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from './cache-error.ts';

test('an error has its kind, its message and its other details', () => {
  const cause = new Error('connect ECONNREFUSED');
  const error = new CacheError('upstream-unreachable', 'quay.io does not answer.', {
    detail: { upstream: 'quay.io' },
    retryable: true,
    retryAfterMs: 1500,
    cause,
  });
  assert.ok(error instanceof Error);
  assert.equal(String(error), 'CacheError: quay.io does not answer.');
  assert.equal(error.kind, 'upstream-unreachable');
  assert.equal(error.cause, cause);
  assert.deepEqual(error.detail, { upstream: 'quay.io' });
  assert.equal(error.retryable, true);
  assert.equal(error.retryAfterMs, 1500);
});

test('an error without options is not retryable and has no cause', () => {
  const error = new CacheError('denied', 'You may not read this repository.');
  assert.equal('cause' in error, false);
  assert.equal(error.detail, undefined);
  assert.equal(error.retryable, false);
  assert.equal(error.retryAfterMs, undefined);
});

test('isCacheError distinguishes a CacheError from other values, and its kind from other kinds', () => {
  const error: unknown = new CacheError('blob-unknown', 'This repository has no such blob.');
  assert.ok(isCacheError(error));
  assert.ok(isCacheError(error, 'blob-unknown'));
  assert.ok(isCacheError(error, 'manifest-unknown', 'blob-unknown'));
  assert.ok(!isCacheError(error, 'manifest-unknown'));
  for (const other of [new Error('x'), { name: 'CacheError', kind: 'blob-unknown' }, 'CacheError', null, undefined])
    assert.ok(!isCacheError(other));
});
