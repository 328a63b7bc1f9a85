// Tests the upstream requests for a hot tag on three nodes that share Redis. The test moves their clock.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createCachedIndex } from '@cistern/index/cached';
import { openRedisIndex } from '@cistern/index/redis';
import { createGate, startFakeUpstream } from '@cistern/fake-upstream';
import { openBullmqQueue, openBullmqWorkers } from '@cistern/jobs/bullmq';
import type { JobQueue } from '@cistern/jobs';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { createFillAccess, createFillTable, openSpoolDirectory } from '@cistern/fills';
import { createFreshnessPolicies, createPullThrough } from '@cistern/pull-through';
import { createJobHandlers } from '@cistern/worker';
import { asCaller, type TestPullThrough } from '@cistern/pull-through/testing';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';
import { openUpstream } from '@cistern/upstream';
import { until } from '../until.ts';

const redis = await startRedis();
after(() => redis.close());

const request = {
  upstream: 'docker.io',
  repository: parseRepositoryName('library/app'),
  reference: parseReference('latest'),
};
const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const slots = { interactive: 8, background: 2 };
const nodes = 3;

async function startNodes(t: TestContext, keyPrefix: string, staleWhileRevalidateMs: number) {
  const hub = await startFakeUpstream();
  t.after(() => hub.close());
  // real-time: the start of the test clock, which the test moves
  const clock = { nowMs: Date.now() };
  const requested = { jobs: 0 };
  const now = () => clock.nowMs;
  const store = createMemoryStore();
  const directory = await mkdtemp(join(tmpdir(), 'cistern-hot-tag-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const rule = {
    tags: ['*'],
    ttlMs: 60_000,
    staleWhileRevalidateMs,
    staleIfErrorMs: Infinity,
    onNotFound: 'keep',
  } as const;
  const policyOf = createFreshnessPolicies([{ name: 'docker.io', freshness: [rule] }]);

  async function startNode(name: string): Promise<TestPullThrough> {
    const index = await openRedisIndex({ connection, keyPrefix, commandTimeoutMs: commandTimeoutMs.patient, log });
    const cached = createCachedIndex({ index: { ...index, now }, log });
    const queue = await openBullmqQueue({
      connection,
      keyPrefix,
      commandTimeoutMs: commandTimeoutMs.patient,
      maxWaiting: 100,
      log,
    });
    const metrics = createMetrics();
    const upstream = openUpstream({ name: 'docker.io', url: hub.url, instanceId: 't', version: '0', metrics, log });
    const fills = createFillTable();
    const parts = { store, fills, log, metrics, now, policyOf, adoptAs: () => undefined };
    const spools = await openSpoolDirectory(join(directory, name), { maxBytes: Infinity });
    const upstreams = new Map([[upstream.name, upstream]]);
    const own = { index, upstreams, spools, queue: queue.queue, address: '', maxWholeForRangeBytes: 0 };
    const handlers = createJobHandlers({ ...parts, ...own });
    const workers = await openBullmqWorkers({
      connection,
      keyPrefix,
      handlers,
      slots: { blob: slots, short: slots },
      log,
    });
    t.after(async () => {
      await workers.close(1_000);
      await queue.close();
      await upstream.close();
      await cached.close();
      await index.close();
    });
    const run: JobQueue['run'] = (...job) => {
      requested.jobs += 1;
      return queue.queue.run(...job);
    };
    const cache = createPullThrough({
      ...parts,
      index: cached,
      queue: { ...queue.queue, run },
      fillAccess: createFillAccess({ fills, address: '', remote: undefined }),
      listPolicyOf: () => rule,
      isOffline: () => false,
      sharedUpstreams: () => ['docker.io'],
      isListed: () => true,
    });
    return asCaller(cache);
  }

  const caches = await Promise.all(Array.from({ length: nodes }, (_, at) => startNode(`node-${at}`)));
  return { hub, clock, caches, requested };
}

for (const [how, staleWhileRevalidateMs] of [
  ['before the answer', 0],
  ['after the answer', 60_000],
] as const)
  test(`1,000 pulls of one tag in ten minutes cost 11 HEADs at most and no GET, confirmed ${how}`, async (t) => {
    const { hub, clock, caches } = await startNodes(t, `hot-${staleWhileRevalidateMs}:`, staleWhileRevalidateMs);
    const { digest } = hub.addImage('library/app', { tag: 'latest' });
    await caches[0]!.openManifest(request);
    hub.reset();
    const pulls = 1_000;
    const atOnce = 5;
    for (let pull = 0; pull < pulls; pull += atOnce) {
      const answers = await Promise.all(
        Array.from({ length: atOnce }, async (_, more) => {
          const cache = caches[(pull + more) % nodes]!;
          return more % 2 === 0 ? cache.statManifest(request) : cache.openManifest(request);
        }),
      );
      for (const answer of answers) assert.equal(answer.digest, digest);
      clock.nowMs += (600_000 * atOnce) / pulls;
    }
    const heads = hub.count({ method: 'HEAD', endpoint: 'manifest' });
    assert.ok(heads <= 11 && heads >= 5, `${heads} HEADs`);
    assert.equal(hub.count({ method: 'GET', endpoint: 'manifest' }), 0);
  });

// A 400 affects neither the circuit breaker nor the budget. Only the tag's record limits the retries.
for (const status of [400, 429])
  test(`while the upstream answers ${status}, three nodes together retry once in ten seconds`, async (t) => {
    const { hub, clock, caches } = await startNodes(t, `failing-${status}:`, 0);
    hub.addImage('library/app', { tag: 'latest' });
    await caches[0]!.openManifest(request);
    hub.reset();
    hub.addFault({ endpoint: 'manifest' }, { status });
    clock.nowMs += 600_000;
    for (let second = 0; second < 30; second += 1) {
      for (const cache of caches) assert.equal((await cache.openManifest(request)).staleBecause, 'failing');
      clock.nowMs += 1_000;
    }
    const tries = hub.count({ endpoint: 'manifest' });
    assert.ok(tries >= 1 && tries <= 3, `${tries} tries`);
  });

test('simultaneous forced revalidations on three nodes cost two HEADs at most', async (t) => {
  const { hub, caches, requested } = await startNodes(t, 'no-cache:', 0);
  const { digest } = hub.addImage('library/app', { tag: 'latest' });
  await caches[0]!.openManifest(request);
  for (const forced of [{ forceRevalidation: true }, { maxAgeMs: 0 }]) {
    hub.reset();
    requested.jobs = 0;
    const gate = createGate();
    const held = hub.addFault({ endpoint: 'manifest' }, { gate, gateHeaders: true });
    const answers = Promise.all(
      Array.from({ length: 30 }, (_, at) => caches[at % nodes]!.statManifest({ ...request, ...forced })),
    );
    await gate.blocked();
    await until('every client has requested a job', () => requested.jobs >= 30);
    // The last of those jobs needs time to reach Redis.
    // real-time: the last of the jobs must reach Redis; no event says when
    await delay(1_000);
    gate.release();
    held.remove();
    for (const answer of await answers) assert.deepEqual([answer.digest, answer.cache], [digest, 'REVALIDATED']);
    // The first job may have started before the others were requested.
    assert.ok(hub.count({ endpoint: 'manifest' }) <= 2);
    assert.equal(requested.jobs, 30);
  }
});
