// Checks which problems a node shows that operators ask.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '@cistern/config';
import type { Problem } from '@cistern/runtime/process';
import { until } from '@cistern/runtime/testing';
import { createMetrics } from '@cistern/telemetry';
import type { CacheNode } from '../api/nodes.ts';
import type { SeenView } from '../nodes/open-nodes.ts';
import { openProblems } from './open-problems.ts';

const words = { reason: 'A reason.', works: 'Hits.', mend: 'Wait.', severity: 'critical', sinceMs: 1 } as const;
const refused: Problem = { ...words, kind: 'credentials-refused', part: 'credentials' };
const indexSlow: Problem = { ...words, kind: 'index-slow', part: 'index' };
const config = loadConfig({
  env: { REGISTRY_HEALTH_STORAGEDRIVER_ENABLED: 'false' },
  defaults: { rootDirectory: '/' },
});

function open(t: TestContext) {
  const lost = { name: 'w', role: 'standalone', version: '1', state: 'lost', startedAt: 1, seenAt: 2 } as CacheNode;
  const state = {
    full: undefined as string | undefined,
    isReadable: true,
    isWritable: true,
    problems: [refused, indexSlow],
    isCurrent: true,
    failure: undefined as Error | undefined,
    nodes: [lost] as CacheNode[],
    views: 0,
  };
  const warnings: string[] = [];
  const parts = {
    index: {
      async check() {
        if (!state.isReadable) throw new Error('it is not connected');
      },
      async findFull() {
        if (!state.isWritable) throw new Error('it cannot write its data to disk');
        return state.full;
      },
      now: () => Date.now(),
    },
    checkStore: async () => {},
    findFullStore: async () => undefined,
  };
  const nodes = {
    async view() {
      state.views += 1;
      if (state.failure !== undefined) throw state.failure;
      const reports = [{ name: 'worker-1', role: 'worker', problems: state.problems }];
      return { view: { nodes: state.nodes, reports }, asOfMs: 1, isCurrent: state.isCurrent } as unknown as SeenView;
    },
  };
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
  const options = { metrics: createMetrics(), log, whole: { role: 'admin', nodes } } as const;
  const { problems } = openProblems(config, parts, options, {
    opened(part) {
      t.after(() => part.close());
      return part;
    },
    add: (close) => t.after(close),
    closeAll: async () => {},
  });
  const kinds = () => problems.current().map(({ kind }) => kind);
  return {
    state,
    warnings,
    kinds,
    current: () => problems.current(),
    shows: (...wanted: string[]) => until(() => kinds().join() === wanted.join()),
  };
}

test('a node shows what the nodes report, and which nodes are lost', async (t) => {
  const { shows } = open(t);
  await shows('credentials-refused', 'index-slow', 'node-lost');
});

test('without the index, a node shows the last reports, but not what they said of the index', async (t) => {
  const { state, warnings, shows } = open(t);
  await shows('credentials-refused', 'index-slow', 'node-lost');
  state.isCurrent = false;
  await shows('credentials-refused');
  state.isCurrent = true;
  // The nodes have some seconds to report again before they count as lost.
  await shows('credentials-refused', 'index-slow');
  await shows('credentials-refused', 'index-slow', 'node-lost');
  assert.deepEqual(warnings, []);
});

test('an index that refuses writes is shown without lost nodes, because it refuses their reports', async (t) => {
  const { state, current, shows } = open(t);
  state.problems = [];
  state.full = 'Its memory is full.';
  await shows('index-full', 'node-lost');
  state.isWritable = false;
  await shows('index-unwritable');
  state.isReadable = false;
  await shows('index-unavailable');
  // The whole cache has it, although the others cannot report it.
  assert.equal(current()[0]?.node, undefined);
});

test('a view that cannot be read leaves the last problems, and is logged once', async (t) => {
  const { state, warnings, shows } = open(t);
  await shows('credentials-refused', 'index-slow', 'node-lost');
  state.failure = new TypeError('a bug');
  await shows('credentials-refused');
  const { views } = state;
  await until(() => state.views > views + 1);
  assert.deepEqual(warnings, ['failed to read nodes, showing problems of last view']);
  state.failure = undefined;
  await shows('credentials-refused', 'index-slow', 'node-lost');
});

test('a node reads the reports less often in a cluster of many that read them', async (t) => {
  const { state, kinds } = open(t);
  await until(() => kinds().length > 0);
  const standalone = { ...state.nodes[0]!, role: 'standalone', state: 'running' } as const;
  state.nodes = Array.from({ length: 200 }, () => standalone);
  const { views } = state;
  await until(() => state.views > views);
  const startedAt = Date.now();
  await until(() => state.views > views + 1);
  assert.ok(Date.now() - startedAt >= 20_000);
});
