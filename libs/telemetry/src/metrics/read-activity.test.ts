import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequestFacts, type RequestFacts } from '../request-facts.ts';
import { createRequestCounts } from '../count-requests.ts';
import { createMetrics } from './create-metrics.ts';
import { readActivity, readLatencies } from './read-activity.ts';

test('the activity of a process comes from its metrics of client requests and upstream requests', async () => {
  const metrics = createMetrics({ upstreams: ['docker.io', 'quay.io'] });
  const requests = createRequestCounts(metrics);
  const ended = (facts: Partial<RequestFacts>) =>
    requests.ended(createRequestFacts({ operation: 'blob', status: 200, bytesSent: 10, ...facts }), false);
  for (const cache of ['HIT', 'HIT', 'JOINED', 'STALE', 'REVALIDATED', 'MISS'] as const) ended({ cache });
  ended({ status: 503, operation: 'manifest', bytesSent: 0, timeToFirstByteMs: 3 });
  ended({ operation: 'ping', timeToFirstByteMs: 1 });
  ended({ cache: 'HIT', timeToFirstByteMs: 700, bytesSent: 0 });
  ended({ cache: 'HIT', timeToFirstByteMs: 2, bytesSent: 0 });
  metrics.requestsInFlight.inc({ operation: 'blob' }, 3);
  metrics.jobsRunning.inc({ class: 'background' }, 2);
  metrics.upstreamReceivedBytes.inc({ upstream: 'quay.io' }, 7);
  const upstream = 'docker.io';
  for (const outcome of ['ok', 'not-found', 'timeout', 'rate-limited'] as const)
    metrics.upstreamRequests.inc({ upstream, operation: 'get-blob', outcome });
  for (const operation of ['token', 'ping'] as const)
    metrics.upstreamRequests.inc({ upstream, operation, outcome: 'unreachable' });
  metrics.upstreamEndpointState.set({ upstream, endpoint: 'registry-1.docker.io' }, 2);
  metrics.upstreamEndpointState.set({ upstream, endpoint: 'mirror' }, 0);
  const { counts, upstreams, inFlight, jobs } = await readActivity(metrics);
  assert.deepEqual(counts, {
    requests: 9,
    hits: 4,
    joined: 1,
    stale: 1,
    revalidated: 1,
    misses: 1,
    errors: 1,
    bytesServed: 70,
    bytesFetched: 7,
    upstreamCalls: 4,
  });
  assert.deepEqual(upstreams, [
    { name: 'docker.io', calls: 4, errors: 2, health: 'failing' },
    { name: 'quay.io', calls: 0, errors: 0, health: 'well' },
  ]);
  assert.deepEqual([inFlight, jobs], [3, 2]);
  const latencies = [...(await readLatencies(metrics))].filter(([, count]) => count > 0);
  assert.deepEqual(latencies, [
    ['0.0025', 1],
    ['0.005', 1],
    ['1', 1],
  ]);
});
