import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createTestIndex } from '@cistern/index/testing';
import type { ReloadOutcome } from '@cistern/runtime/process';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { until } from '@cistern/runtime/testing';
import { startReporting } from './open-reporting.ts';
import { reloadNodes } from './reload-nodes.ts';
import { viewNodes } from './view-nodes.ts';

const log = createLogger({ level: 'error', formatter: 'json' });
const applied: ReloadOutcome = { result: 'applied', needsRestart: [] };

function openCache(t: TestContext) {
  const index = createTestIndex({ now: Date.now });
  const { nodes, pubsub } = index;
  async function start(
    name: string,
    run?: () => Promise<ReloadOutcome>,
    fingerprint = 'common',
    now: () => number = Date.now,
  ) {
    const node = { id: name, name, role: 'worker', version: '1', startedAtMs: 1 } as const;
    const reload = run && { run, fingerprint: () => fingerprint, needsRestart: () => [] };
    const reporting = startReporting({
      node,
      nodes,
      pubsub,
      problems: { current: () => [] },
      reload,
      metrics: createMetrics(),
      log,
      now,
    });
    t.after(() => reporting.close());
    await until(async () => (await nodes.read()).nodes.some(({ id }) => id === name));
    return reporting;
  }
  return { index, start };
}

test('the answers of all nodes are collected', async (t) => {
  const { index, start } = openCache(t);
  await start('b', async () => ({ result: 'rejected', reason: 'http.addr is wrong', needsRestart: ['redis'] }));
  await start('a', async () => applied);
  assert.deepEqual(await reloadNodes(index), {
    nodes: [
      { name: 'a', role: 'worker', result: 'applied', reason: null, needsRestart: [] },
      { name: 'b', role: 'worker', result: 'rejected', reason: 'http.addr is wrong', needsRestart: ['redis'] },
    ],
  });
});

test('a node that does not answer, or that cannot reload, is named after ten seconds', async (t) => {
  const { index, start } = openCache(t);
  await start('a', () => new Promise(() => {}));
  await start('old');
  await start('b', async () => applied);
  const { nodes } = await reloadNodes(index);
  assert.deepEqual(
    nodes.map(({ name, result }) => [name, result]),
    [
      ['a', 'no answer'],
      ['b', 'applied'],
      ['old', 'no answer'],
    ],
  );
});

test('a lost request is repeated, and a repeated request reloads once', async (t) => {
  const { index, start } = openCache(t);
  let runs = 0;
  await start('a', async () => {
    runs += 1;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    return applied;
  });
  let published = 0;
  const pubsub = {
    ...index.pubsub,
    async publish(topic: string, message?: string) {
      published += 1;
      if (published > 1) await index.pubsub.publish(topic, message);
    },
  };
  assert.equal((await reloadNodes({ ...index, pubsub })).nodes[0]?.result, 'applied');
  assert.ok(published > 2);
  assert.equal(runs, 1);
});

test('a node whose earlier report is still being written reports its answer after it', async (t) => {
  const { index, start } = openCache(t);
  const { nodes } = index;
  const written = Promise.withResolvers<void>();
  const report = nodes.report.bind(nodes);
  let [runs, reports] = [0, 0];
  // The clock stands still, so only an answer makes another report due.
  const run = async () => {
    runs += 1;
    return applied;
  };
  await start('a', run, 'common', () => 1_000);
  index.nodes.report = async (...given) => {
    reports += 1;
    if (reports === 1) await written.promise;
    return report(...given);
  };
  const first = reloadNodes(index);
  await until(() => reports === 1);
  const second = reloadNodes(index);
  await until(() => runs === 2);
  written.resolve();
  for (const reload of [first, second])
    assert.deepEqual(
      (await reload).nodes.map(({ result }) => result),
      ['applied'],
    );
});

test('a node that ends meanwhile is omitted', async (t) => {
  const { index, start } = openCache(t);
  await start('a', async () => applied);
  const ending = await start('b', () => new Promise(() => {}));
  const reloading = reloadNodes(index);
  await until(async () => (await index.nodes.read()).nodes.some(({ report }) => report.includes('"applied"')));
  await ending.close();
  assert.deepEqual(
    (await reloading).nodes.map(({ name }) => name),
    ['a'],
  );
});

test('nodes with another fingerprint than most nodes are named, and all nodes if there is no majority', async (t) => {
  const { index, start } = openCache(t);
  const differing = async () =>
    viewNodes(await index.nodes.read()).nodes.flatMap(({ name, configuration }) =>
      configuration?.differs === true ? [name] : [],
    );
  await start('a', async () => applied);
  await start('c', async () => applied, 'other');
  assert.deepEqual(await differing(), ['a', 'c']);
  await start('b', async () => applied);
  assert.deepEqual(await differing(), ['c']);
});
