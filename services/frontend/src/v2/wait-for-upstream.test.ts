import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const throttled = (retryAfterMs?: number) =>
  new CacheError('upstream-rate-limited', 'too many', {
    retryable: true,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });

/** Starts a frontend whose list of tags fails with each of `errors` in turn, and then succeeds. */
async function startThrottled(t: TestContext, errors: CacheError[], maxWaitMs?: number) {
  const times: number[] = [];
  const pullThrough = createMemoryPullThrough({
    instead: {
      async listTags() {
        times.push(performance.now());
        const error = errors.shift();
        if (error !== undefined) throw error;
        return { tags: ['a'], cache: 'MISS' };
      },
    },
  });
  const frontend = await startFrontend(t, { pullThrough, ...(maxWaitMs !== undefined && { maxWaitMs }) });
  return { ...frontend, times };
}

test('a request by prefix waits for the back-off of a throttling upstream, and succeeds', async (t) => {
  const { url, times } = await startThrottled(t, [throttled(300), throttled(200)]);
  const { status, headers } = await sendRequest(`${url}/v2/docker.io/nginx/tags/list`);
  assert.deepEqual([status, headers['retry-after'], times.length], [200, undefined, 3]);
  assert.ok(times[1]! - times[0]! >= 299 && times[2]! - times[1]! >= 199);
});

test('a client that can fall back to an origin gets a 503 immediately', async (t) => {
  for (const path of [
    '/v2/nginx/tags/list',
    '/v2/nginx/tags/list?ns=docker.io',
    '/v2/docker.io/nginx/tags/list?ns=docker.io',
  ]) {
    const { url, times } = await startThrottled(t, [throttled(100)]);
    const answer = await sendRequest(url + path);
    assert.deepEqual([answer.status, errorsOf(answer)[0]?.code, times.length], [503, 'UNAVAILABLE', 1], path);
  }
});

test('a wait beyond the maximum is rejected immediately, and repeated waits are rejected before they exceed it', async (t) => {
  const long = await startThrottled(t, [throttled(60_000)]);
  const refused = await sendRequest(`${long.url}/v2/docker.io/nginx/tags/list`);
  assert.deepEqual([refused.status, refused.headers['retry-after'], long.times.length], [429, '60', 1]);
  const again = await startThrottled(t, [throttled(1_200), throttled(1_200), throttled(1_200)], 2_000);
  const answer = await sendRequest(`${again.url}/v2/docker.io/nginx/tags/list`);
  assert.deepEqual([answer.status, again.times.length], [429, 2]);
});

test('other errors are returned without a wait', async (t) => {
  const { url, times } = await startThrottled(t, [
    new CacheError('upstream-unreachable', 'down', { retryable: true, retryAfterMs: 100 }),
  ]);
  assert.equal((await sendRequest(`${url}/v2/docker.io/nginx/tags/list`)).status, 503);
  assert.equal(times.length, 1);
});

test('a client that disconnects ends the wait of its request', async (t) => {
  const { port, times, log } = await startThrottled(t, [throttled(1_000)]);
  const { socket } = await openRawConnection(t, port);
  socket.write(requestText('/v2/docker.io/nginx/tags/list'));
  await until(() => times.length === 1);
  socket.destroy();
  await until(() => log.length === 1);
  assert.equal(log[0]?.['aborted'], true);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.equal(times.length, 1);
});
