import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { attempt, attemptIfPresent } from './store-error.ts';

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });

/** The error that `await using` throws for a file that could not be closed after a failure. */
const failing = (code: string) => () => Promise.reject(new SuppressedError(systemError('EIO'), systemError(code)));

test('a file that can be neither written nor closed fails the store with the first reason', async () => {
  await assert.rejects(attempt('commit a blob', failing('ENOSPC')), (error) => {
    assert.ok(isCacheError(error, 'store-unavailable'));
    assert.deepEqual(error.detail, { code: 'ENOSPC' });
    return true;
  });
});

test('a missing file is reported as missing, even if another error follows', async () => {
  assert.equal(await attemptIfPresent('read a blob', failing('ENOENT')), undefined);
});
