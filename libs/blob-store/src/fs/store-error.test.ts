import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { createFileCalls } from './store-error.ts';

const { attempt, attemptIfPresent } = createFileCalls(() => {});

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });

/** Returns an action that rejects like `await using`, if closing a file fails after an earlier failure with `code`. */
const failing = (code: string) => () => Promise.reject(new SuppressedError(systemError('EIO'), systemError(code)));

test('if a file can be neither written nor closed, the error has the reason of the failed write', async () => {
  await assert.rejects(attempt('commit a blob', failing('ENOSPC')), (error) => {
    assert.ok(isCacheError(error, 'store-unavailable'));
    assert.deepEqual(error.detail, { code: 'ENOSPC' });
    return true;
  });
});

test('a missing file is reported as missing, even if closing the file fails too', async () => {
  assert.equal(await attemptIfPresent('read a blob', failing('ENOENT')), undefined);
});
