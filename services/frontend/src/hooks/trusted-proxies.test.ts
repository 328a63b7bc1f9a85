import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const headers = { 'x-forwarded-for': '203.0.113.9, 10.1.2.3', 'x-forwarded-host': 'ghcr.test' };

async function seen(t: Parameters<typeof startFrontend>[0], trustedProxies: string[], sent = headers) {
  const pullThrough = createMemoryPullThrough({ manifests: [Buffer.from('{}')] });
  const { url, log, accessLines } = await startFrontend(t, { pullThrough, trustedProxies, accessLog() {} });
  await sendRequest(`${url}/v2/a/b/manifests/x`, { headers: sent });
  await until(() => log.length === 1);
  return { ip: log[0]?.['client'], upstream: log[0]?.['upstream'], accessLine: accessLines[0] ?? '' };
}

test('a trusted proxy sets the client address and the host', async (t) => {
  const { ip, upstream, accessLine } = await seen(t, ['127.0.0.0/8', '10.0.0.0/8']);
  assert.equal(ip, '203.0.113.9');
  assert.equal(upstream, 'ghcr.io');
  assert.match(accessLine, /^203\.0\.113\.9 /);
});

test('the client is the nearest address of the chain that is not a trusted proxy', async (t) => {
  assert.equal((await seen(t, ['127.0.0.1'])).ip, '10.1.2.3');
});

test('an untrusted proxy counts as the client', async (t) => {
  for (const trusted of [[], ['192.0.2.0/24']]) {
    const { ip, upstream } = await seen(t, trusted);
    assert.equal(ip, '127.0.0.1');
    assert.equal(upstream, 'docker.io');
  }
});

test('an IPv4 client of a proxy that listens on IPv6 is logged as IPv4', async (t) => {
  const { ip, accessLine } = await seen(t, ['127.0.0.1'], { ...headers, 'x-forwarded-for': '::ffff:10.0.3.7' });
  assert.equal(ip, '10.0.3.7');
  assert.match(accessLine, /^10\.0\.3\.7 /);
});
