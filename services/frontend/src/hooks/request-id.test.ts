import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

test("a client's own request ID is kept if it is safe in a log, and replaced otherwise", async (t) => {
  const { url, log } = await startFrontend(t);
  const ids: unknown[] = [];
  for (const given of ['abc-123', '', 'a b', '"}{"', 'x'.repeat(65)]) {
    const { headers } = await sendRequest(`${url}/v2/`, { headers: { 'x-request-id': given } });
    ids.push(headers['x-request-id']);
  }
  await until(() => log.length === 5);
  assert.deepEqual(
    log.map(({ requestId }) => requestId),
    ids,
  );
  assert.equal(ids[0], 'abc-123');
  for (const id of ids.slice(1)) assert.match(String(id), /^[0-9a-f]{10}-[0-9a-z]+$/);
  assert.equal(new Set(ids).size, 5);
});
