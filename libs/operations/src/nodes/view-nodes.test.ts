import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeReport } from './node-report.ts';
import { viewNodes } from './view-nodes.ts';

const reported = (name: string, report: Partial<NodeReport> = {}) => ({
  id: name,
  seenAtMs: 7,
  report: JSON.stringify({
    schema: 1,
    id: name,
    name,
    role: 'worker',
    version: '1',
    startedAtMs: 1,
    inFlight: 0,
    jobs: 0,
    rssBytes: 1,
    fills: [],
    fillsInFlight: 0,
    upstreams: [],
    budget: [],
    latencies: {},
    ...report,
  } satisfies NodeReport),
});

const fill = (digest: string, startedAtMs: number) => ({
  digest,
  upstream: 'docker.io',
  repository: 'library/a',
  class: 'interactive' as const,
  bytes: 1,
  readers: 1,
  startedAtMs,
  bytesPerSecond: 1,
});

test('the reports of nodes are merged, and reports with another schema are skipped', () => {
  const account = { upstream: 'docker.io', endpoint: 'registry-1.docker.io', account: 'a', source: '192.0.2.1' };
  const view = viewNodes({
    nodes: [
      reported('w2', {
        fills: [fill('late', 9)],
        fillsInFlight: 3,
        upstreams: [{ name: 'docker.io', calls: 2, errors: 1, health: 'failing' }],
        budget: [{ ...account, remaining: 5, reportedAtMs: 20 }],
        latencies: { '1': 2 },
      }),
      { id: 'newer', seenAtMs: 1, report: '{"schema":2}' },
      { id: 'broken', seenAtMs: 1, report: '{' },
      reported('f', {
        role: 'frontend',
        latencies: { '1': 1, '5': 1 },
        load: { cpu: 0.5, requestsPerSecond: 2, bytesPerSecond: 3 },
        store: { kind: 'S3' },
      }),
      reported('w1', {
        fills: [fill('early', 3)],
        fillsInFlight: 1,
        upstreams: [
          { name: 'docker.io', calls: 5, errors: 0, health: 'well' },
          { name: 'quay.io', calls: 1, errors: 0, health: 'probed' },
        ],
        budget: [
          { ...account, remaining: 9, reportedAtMs: 10, backedOffUntilMs: 99 },
          { ...account, source: '192.0.2.2', remaining: 1, reportedAtMs: 1 },
        ],
      }),
    ],
    ended: [{ ...reported('w0'), state: 'lost' }],
    counts: { requests: 4, hits: 3, tomorrow: 1 },
    countedSinceMs: 5,
  });
  assert.deepEqual(
    view.nodes.map(({ name, state, cpu, store }) => [name, state, cpu, store]),
    [
      ['f', 'running', 0.5, { kind: 'S3', ms: null }],
      ['w1', 'running', null, null],
      ['w2', 'running', null, null],
      ['w0', 'lost', null, null],
    ],
  );
  assert.deepEqual(
    view.fills.map(({ digest, node }) => [digest, node]),
    [
      ['early', 'w1'],
      ['late', 'w2'],
    ],
  );
  assert.equal(view.fillsInFlight, 4);
  assert.deepEqual(
    [...view.upstreams.values()],
    [
      { name: 'docker.io', calls: 7, errors: 1, health: 'failing' },
      { name: 'quay.io', calls: 1, errors: 0, health: 'probed' },
    ],
  );
  assert.deepEqual(
    view.budget.map(({ source, remaining, backedOffUntil }) => [source, remaining, backedOffUntil]),
    [
      ['192.0.2.1', 5, 99],
      ['192.0.2.2', 1, null],
    ],
  );
  assert.deepEqual(view.latencies, { '1': 3, '5': 1 });
  assert.partialDeepStrictEqual(view.counts, { requests: 4, hits: 3, misses: 0 });
  assert.equal(view.countedSinceMs, 5);
});

const node = (name: string, version: string, fingerprint: string) =>
  reported(name, { version, configuration: { fingerprint, needsRestart: [], reloads: [] } });

test('only nodes of the same version are compared by their configuration', () => {
  const { nodes } = viewNodes({
    nodes: [
      ...['w1', 'w2'].map((name) => node(name, '1', 'old')),
      node('w3', '1', 'wrong'),
      ...['w4', 'w5'].map((name) => node(name, '2', 'new')),
      node('w6', '3', 'newest'),
    ],
    ended: [],
    counts: {},
    countedSinceMs: 5,
  });
  assert.deepEqual(
    nodes.filter(({ configuration }) => configuration?.differs).map(({ name }) => name),
    ['w3'],
  );
});
