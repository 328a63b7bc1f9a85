// Tests that all workers share the pull budget of an upstream through a real Redis.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import type { CacheIndex } from '@cistern/index';
import { openRedisIndex } from '@cistern/index/redis';
import { isCacheError } from '@cistern/errors';
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from '@cistern/fake-upstream';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';
import { createBudgetLedger, openUpstream, type Upstream } from '@cistern/upstream';

const redis = await startRedis();
after(async () => redis.close());

const app = parseRepositoryName('library/app');
const latest = parseReference('latest');
const log = createLogger({ level: 'error', formatter: 'json', destination: { write: () => {} } });
/** The maximum age of a worker's knowledge about the others, in milliseconds. */
const lookMs = 1_100;

async function start(t: TestContext, options: FakeUpstreamOptions, keyPrefix: string) {
  const registry = await startFakeUpstream(options);
  t.after(async () => registry.close());
  registry.addImage('library/app', { tag: 'latest' });
  const { host, port } = redis;
  const connection = { kind: 'standalone', host, port } as const;
  const index = await openRedisIndex({ connection, keyPrefix, commandTimeoutMs: commandTimeoutMs.patient, log });
  t.after(async () => index.close());
  // Workers have their own clock. The test moves it instead of waiting.
  const time = { aheadMs: 0 };
  return { registry, time, workers: Array.from({ length: 2 }, () => openWorker(t, registry, index, time)) };
}

function openWorker(
  t: TestContext,
  registry: FakeUpstream,
  index: CacheIndex,
  time: { readonly aheadMs: number },
): Upstream {
  const metrics = createMetrics({ upstreams: ['docker.io'] });
  // real-time: budgets in Redis expire by its clock; the test moves that of the worker ahead
  const clock = (): number => Date.now() + time.aheadMs;
  const upstream = openUpstream({
    name: 'docker.io',
    url: registry.url,
    ledger: createBudgetLedger({ values: index.values, metrics, log, clock }),
    clock,
    instanceId: 'test',
    version: '1.2.3',
    metrics,
    log,
  });
  t.after(async () => upstream.close());
  return upstream;
}

const isLimited = (error: unknown): boolean => isCacheError(error, 'upstream-rate-limited');

test('after one worker spends the last pull, the other sends no request', async (t) => {
  const { registry, time, workers } = await start(t, { rateLimit: { limit: 3 } }, 'limit:');
  const [one, two] = [workers[0]!, workers[1]!];
  await two.getManifest(app, latest);
  await one.getManifest(app, latest);
  await one.getManifest(app, latest);
  time.aheadMs += lookMs;
  const before = registry.count({ endpoint: 'manifest' });
  await assert.rejects(two.getManifest(app, latest), isLimited);
  assert.equal(registry.count({ endpoint: 'manifest' }), before);
});

test('after one worker gets a 429, the other pauses too', async (t) => {
  const { registry, time, workers } = await start(t, {}, 'pause:');
  const [one, two] = [workers[0]!, workers[1]!];
  await two.headManifest(app, latest);
  const throttled = registry.addFault({ endpoint: 'manifest' }, { status: 429 });
  await assert.rejects(one.headManifest(app, latest), isLimited);
  throttled.remove();
  time.aheadMs += lookMs;
  const before = registry.count({ endpoint: 'manifest' });
  await assert.rejects(two.headManifest(app, latest), isLimited);
  assert.equal(registry.count({ endpoint: 'manifest' }), before);
  time.aheadMs += 10_000;
  await two.headManifest(app, latest);
});
