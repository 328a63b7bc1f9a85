import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { createLogger, createRequestCounts, createRequestFacts } from '@cistern/telemetry';
import { startTestCache } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { startReporting } from './open-reporting.ts';
import { viewHistory } from './view-history.ts';
import { viewNodes } from './view-nodes.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const log = createLogger({ level: 'error', formatter: 'json' });

async function startNode(t: TestContext) {
  const cache = await startTestCache();
  t.after(() => cache.close());
  const { fills, metrics, clock } = cache;
  const faults = { failing: false };
  const now = () => clock.nowMs;
  const { nodes, pubsub } = createTestIndex({ now, faults });
  const node = { id: 'a', name: 'here:5000', role: 'standalone', version: '1', startedAtMs: clock.nowMs } as const;
  const reporting = startReporting({
    node,
    nodes,
    pubsub,
    problems: { current: () => [] },
    metrics,
    fills,
    log,
    everyMs: 2,
    now,
  });
  t.after(() => reporting.close());
  const view = async () => viewNodes(await nodes.read());
  const untilSeen = (matches: (seen: Awaited<ReturnType<typeof view>>) => boolean) =>
    until(async () => matches(await view()));
  return { ...cache, faults, reporting, view, untilSeen, index: nodes };
}

test('a fill is reported from its start to its end, with its bytes and its rate', async (t) => {
  const { cache, hub, clock, untilSeen, view } = await startNode(t);
  const bytes = bytesOf(1_000_000);
  const digest = hub.addBlob('library/nginx', bytes);
  hub.script.gated = true;
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const read = blob.read().then(collect);
  clock.nowMs += 1_000;
  hub.allow(400_000);
  await untilSeen(({ fills }) => fills[0]?.bytes === 400_000);
  assert.partialDeepStrictEqual((await view()).fills, [
    { ...library, digest, node: 'here:5000', class: 'interactive', size: 1_000_000, startedAt: clock.nowMs - 1_000 },
  ]);
  clock.nowMs += 1_000;
  hub.allow(200_000);
  await untilSeen(({ fills }) => fills[0]?.bytes === 600_000);
  clock.nowMs += 1_000;
  await untilSeen(({ fills: [fill] }) => fill !== undefined && fill.bytesPerSecond > 0);
  hub.allow(400_000);
  assert.ok((await read).equals(bytes));
  await untilSeen(({ fills, fillsInFlight }) => fills.length === 0 && fillsInFlight === 0);
});

test('an idle node reports every few seconds, and is listed as stopped after it has shut down', async (t) => {
  const { clock, reporting, untilSeen, view } = await startNode(t);
  await untilSeen(({ nodes }) => nodes.length === 1);
  const { nodes } = await view();
  assert.partialDeepStrictEqual(nodes, [{ name: 'here:5000', role: 'standalone', inFlight: 0, jobs: 0, fills: 0 }]);
  clock.nowMs += 3_000;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal((await view()).nodes[0]?.seenAt, nodes[0]?.seenAt);
  clock.nowMs += 1_000;
  await untilSeen(({ nodes: [node] }) => node?.seenAt === clock.nowMs);
  await reporting.close();
  assert.deepEqual(
    (await view()).nodes.map(({ name, state }) => [name, state]),
    [['here:5000', 'stopped']],
  );
});

test('a node reports its load, the duration of its calls, and its latencies for the history', async (t) => {
  const { metrics, clock, index: nodesOf, untilSeen } = await startNode(t);
  const requests = createRequestCounts(metrics);
  await untilSeen(({ nodes }) => nodes.length === 1);
  metrics.indexCallDuration.observe({ result: 'answered' }, 0.002);
  metrics.storeCheckDuration.set(0.0081);
  clock.nowMs += 2_000;
  for (const ms of [3, 3, 700]) {
    const facts = { operation: 'blob', status: 200, cache: 'HIT', timeToFirstByteMs: ms, bytesSent: 1000 } as const;
    requests.ended(createRequestFacts(facts), false);
  }
  await untilSeen(({ nodes: [node] }) => node?.requestsPerSecond === 1.5);
  await untilSeen(({ nodes: [node] }) => node?.bytesPerSecond === 1500 && (node.cpu ?? -1) >= 0);
  await untilSeen(({ nodes: [node] }) => node?.index?.ms === 2 && node.store?.ms === 8.1);
  const { points } = viewHistory('24h', await nodesOf.history('24h'), clock.nowMs);
  assert.partialDeepStrictEqual(points, [{ requests: 3, hits: 3, bytesServed: 3000, p50: 3.8, p99: 970.1 }]);
});

test('counts during an index outage are reported afterwards, and the last counts at shutdown', async (t) => {
  const { metrics, faults, reporting, untilSeen, view } = await startNode(t);
  const requests = createRequestCounts(metrics);
  const ended = () => requests.ended(createRequestFacts({ operation: 'blob', status: 200, cache: 'HIT' }), false);
  ended();
  await untilSeen(({ counts }) => counts.hits === 1);
  faults.failing = true;
  ended();
  await new Promise((resolve) => setTimeout(resolve, 30));
  faults.failing = false;
  await untilSeen(({ counts }) => counts.hits === 2);
  ended();
  await reporting.close();
  assert.partialDeepStrictEqual((await view()).counts, { requests: 3, hits: 3 });
});
