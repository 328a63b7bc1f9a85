import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { attempt, attemptIfPresent } from './store-error.ts';

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });

/** As `await using` throws it for a file that could not be closed after a failure. */
const failing = (code: string) => () => Promise.reject(new SuppressedError(systemError('EIO'), systemError(code)));

test('a file that could be neither written nor closed is a failure of the store, for the first reason', async () => {
  await assert.rejects(attempt('commit a blob', failing('ENOSPC')), (error) => {
    assert.ok(isCacheError(error, 'store-unavailable'));
    assert.deepEqual(error.detail, { code: 'ENOSPC' });
    return true;
  });
});

test('a file that is not there is not there, whatever came after', async () => {
  assert.equal(await attemptIfPresent('read a blob', failing('ENOENT')), undefined);
});
