// Tests the explanations of failures with the errors that requests reject with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainFailure } from './explain-failure.ts';
import { createSendRequest } from '../http/send-request.ts';

test('a cache that sends no response in time is explained', async (t) => {
  t.mock.method(AbortSignal, 'timeout', () => AbortSignal.abort(new DOMException('too late', 'TimeoutError')));
  const error = await createSendRequest('http://127.0.0.1:1', undefined)('/v2/').catch((reason: unknown) => reason);
  assert.match(explainFailure(error), /^it sends no response within 30 s: /);
});

test('other errors keep their message', () => {
  assert.equal(explainFailure(new Error('it is no registry')), 'it is no registry');
});
