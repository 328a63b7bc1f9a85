import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { openOn, startServer } from '../testing/scripted-server.ts';
import { createRetryBudget } from './retry.ts';

test('the retry budget allows one retry per ten requests, and ten at the start', () => {
  const budget = createRetryBudget();
  const spend = (): number => {
    let retries = 0;
    while (budget.withdraw()) retries += 1;
    return retries;
  };
  assert.equal(spend(), 10);
  for (let requests = 0; requests < 25; requests += 1) budget.deposit();
  assert.equal(spend(), 2);
  for (let requests = 0; requests < 1000; requests += 1) budget.deposit();
  assert.equal(spend(), 10, 'unused retries do not accumulate above ten');
});

test('a registry whose connections all break receives little more than one request per call', async (t) => {
  const server = await startServer(t, (request) => request.socket.destroy());
  const { upstream, metrics } = openOn(t, server.url, { breakerPauses: { firstMs: 60_000, longestMs: 60_000 } });
  const reference = parseReference('latest');
  const repository = parseRepositoryName('a/b');
  const calls = Array.from({ length: 40 }, () => upstream.getManifest(repository, reference));
  const results = await Promise.allSettled(calls);
  assert.ok(results.every(({ status }) => status === 'rejected'));
  assert.ok(server.requests.length <= 40 + 10 + 4, `${server.requests.length} requests`);
  const { values } = await metrics.upstreamRetries.get();
  assert.ok((values.find(({ labels }) => labels.result === 'refused')?.value ?? 0) > 0);
});
