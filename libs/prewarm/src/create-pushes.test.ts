import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { parseTag } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { repositoryOf } from '@cistern/index/testing';
import { createPushes } from './create-pushes.ts';

const tagOf = (tag: string) => ({ ...repositoryOf('docker.io', 'library/nginx'), tag: parseTag(tag) });
const log = createLogger({ level: 'error', formatter: 'json' });

/** Starts nodes that share a queue and a clock, which `pass` advances. A job is done as soon as it is added. */
function startNodes(t: TestContext, count: number) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_400 });
  const jobs = new Map<string, { readonly tag: string; readonly atMs: number }>();
  const state = { failing: false };
  const queue = {
    async add(_name: string, { tag }: { tag: string }, { dedupKey }: { dedupKey: string }) {
      if (state.failing) throw new CacheError('index-unavailable', 'gone');
      if (!jobs.has(dedupKey)) jobs.set(dedupKey, { tag, atMs: Date.now() });
    },
  } as unknown as JobQueue;
  return {
    state,
    jobs: () => [...jobs.values()],
    nodes: Array.from({ length: count }, () => createPushes({ queue, log, now: Date.now })),
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        t.mock.timers.tick(100);
        // Gives the callbacks of the timers time to run.
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
      }
    },
  };
}

test('many pushes of one tag are one job, and each tag has its own job', async (t) => {
  const { nodes, jobs, pass } = startNodes(t, 1);
  for (let push = 0; push < 1000; push += 1) nodes[0]!.note(tagOf('latest'));
  nodes[0]!.note(tagOf('v1'));
  await pass(10_000);
  assert.deepEqual(
    jobs()
      .map(({ tag }) => tag)
      .sort(),
    ['latest', 'v1'],
  );
});

test('nodes that note the same push add one job', async (t) => {
  const { nodes, jobs, pass } = startNodes(t, 5);
  for (const node of nodes) node.note(tagOf('latest'));
  await pass(10_000);
  assert.equal(jobs().length, 1);
});

test('continuous pushes add a job at intervals, and the last job begins after the last push', async (t) => {
  const { nodes, jobs, pass } = startNodes(t, 2);
  let lastAtMs = 0;
  for (let push = 0; push < 100; push += 1) {
    lastAtMs = Date.now();
    nodes[push % 2]!.note(tagOf('latest'));
    await pass(100);
  }
  await pass(10_000);
  assert.ok(jobs().length <= 8, `${jobs().length} jobs in ten seconds`);
  assert.ok(jobs().at(-1)!.atMs > lastAtMs + 1000);
});

test('a job that the queue rejects is added later', async (t) => {
  const { nodes, jobs, pass, state } = startNodes(t, 1);
  state.failing = true;
  nodes[0]!.note(tagOf('latest'));
  await pass(10_000);
  state.failing = false;
  await pass(3_000);
  assert.equal(jobs().length, 1);
});

test('the number of waiting tags is limited, and closing adds them immediately', async (t) => {
  const { nodes, jobs } = startNodes(t, 1);
  const [node] = nodes;
  for (let tag = 0; tag < 10_000; tag += 1) node!.note(tagOf(`t${tag}`));
  assert.throws(
    () => node!.note(tagOf('more')),
    (error) => isCacheError(error, 'overloaded'),
  );
  node!.note(tagOf('t7'));
  await node!.close();
  assert.equal(jobs().length, 10_000);
});
