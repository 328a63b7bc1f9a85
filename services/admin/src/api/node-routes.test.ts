import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '@cistern/config';
import type { CacheIndex } from '@cistern/index';
import { type Decisions, type Nodes, openNodes } from '@cistern/operations';
import { CacheError } from '@cistern/errors';
import type { Problem } from '@cistern/runtime/process';
import { until } from '@cistern/runtime/testing';
import { buildAdminServer } from '../build-admin-server.ts';
import { optionsOfTest } from '../testing/options-of-test.ts';

const report = {
  schema: 1,
  id: 'id-1',
  name: 'worker-1:5002',
  role: 'worker',
  version: '1.2.3',
  startedAtMs: 1_000,
  inFlight: 0,
  jobs: 2,
  rssBytes: 99,
  fills: [
    {
      digest: 'sha256:a',
      upstream: 'docker.io',
      repository: 'library/a',
      class: 'background',
      bytes: 5,
      readers: 1,
      startedAtMs: 3_000,
      bytesPerSecond: 4,
    },
  ],
  fillsInFlight: 1,
  upstreams: [{ name: 'docker.io', calls: 7, errors: 1, health: 'failing' }],
  budget: [
    {
      upstream: 'docker.io',
      endpoint: 'registry-1.docker.io',
      account: 'robot',
      source: '192.0.2.1',
      limit: 100,
      remaining: 9,
      reserve: 20,
      windowMs: 21_600_000,
      reportedAtMs: 1_000,
    },
    { upstream: 'quay.io', endpoint: 'quay.io', reportedAtMs: 2_000, backedOffUntilMs: 9_000 },
  ],
  latencies: { '0.1': 0, '1': 10 },
};

const counted = {
  requests: 9,
  hits: 4,
  joined: 2,
  stale: 1,
  misses: 2,
  bytesServed: 70,
  bytesFetched: 7,
  upstreamCalls: 3,
};

/** Opens nodes with an index whose calls return `answer(value)`. */
function openTestNodes(answer: <T>(value: T) => Promise<T>): Nodes {
  const nodes = [{ id: 'id-1', seenAtMs: 4_000, report: JSON.stringify(report) }];
  const index = {
    nodes: {
      read: () => answer({ nodes, ended: [], counts: counted, countedSinceMs: 500 }),
      history: () => answer([{ atMs: 0, counts: counted }]),
    },
    now: () => 4_500,
    blobs: { totals: () => answer({ blobs: 3, bytes: 30 }) },
  } as unknown as CacheIndex;
  const state = { waiting: 1, active: 2, delayed: 3, failed: 4, failures: [], oldestAddedAtMs: undefined };
  const failures = ['no answer', 'GET https://x/y?token=abc123abc123', 'no answer'].map((reason, at) => ({
    name: 'fetch-blob',
    reason,
    atMs: at,
  }));
  const queues = [
    { ...state, name: 'interactive-blob', failures, oldestAddedAtMs: Date.now() - 60_000 },
    { ...state, name: 'background-blob' },
  ];
  const { storageLimits } = loadConfig({ env: {}, defaults: { rootDirectory: '/' } });
  return openNodes({ storageLimits }, { index }, { inspect: () => answer(queues) });
}

const seen = openTestNodes(async (value) => value);
const states = ['docker.io', 'ghcr.io'].map((name) => ({ name, isOffline: false, by: 'configuration' as const }));
const unavailable = () => Promise.reject(new CacheError('index-unavailable', 'Redis is unavailable.'));

const words = { reason: 'No such bucket.', works: 'Nothing.', mend: 'Create it.' };
const problems: readonly Problem[] = [
  { ...words, kind: 'store-unavailable', part: 'store', severity: 'critical', isUnready: true, sinceMs: 5 },
  { ...words, kind: 'clock-off', part: 'clock', severity: 'warning', node: 'worker-1:5002', sinceMs: 6 },
];

function build(t: TestContext, nodes: Nodes) {
  const app = buildAdminServer({
    ...optionsOfTest,
    problems: { parts: ['index', 'store', 'clock'], look: async () => problems },
    nodes,
    decisions: { upstreams: async () => states } as Partial<Decisions> as Decisions,
  });
  t.after(() => app.close());
  return app;
}

test('the overview, the nodes and the fills keep the fields of the API', async (t) => {
  const app = build(t, seen);
  const get = async (url: string) => {
    const { statusCode, headers, body } = await app.inject({ url });
    assert.deepEqual([statusCode, headers['cache-control']], [200, 'no-store']);
    return JSON.parse(body) as object;
  };
  assert.deepEqual(await get('/v1/overview'), {
    version: '1.2.3',
    healthy: false,
    parts: { index: 'ok', store: 'No such bucket.', clock: 'ok' },
    problems: [
      { ...words, kind: 'store-unavailable', part: 'store', subject: null, severity: 'critical', since: 5, node: null },
      {
        ...words,
        kind: 'clock-off',
        part: 'clock',
        subject: null,
        severity: 'warning',
        since: 6,
        node: 'worker-1:5002',
      },
    ],
    view: { asOf: 4_500, isCurrent: true },
    cache: { blobs: 3, bytes: 30, maxBytes: null, manifests: null },
    fills: 1,
    since: 500,
    requests: { total: 9, hits: 4, joined: 2, stale: 1, revalidated: 0, misses: 2, errors: 0 },
    bytes: { served: 70, fetched: 7 },
    upstreamCalls: { total: 3, saved: 7 },
    latencyMs: { p50: 550, p99: 991 },
  });
  const { id, name, role, version, inFlight, jobs, rssBytes } = report;
  assert.deepEqual(await get('/v1/nodes'), {
    nodes: [
      {
        id,
        name,
        role,
        version,
        startedAt: 1_000,
        seenAt: 4_000,
        inFlight,
        jobs,
        fills: 1,
        rssBytes,
        state: 'running',
        cpu: null,
        requestsPerSecond: null,
        bytesPerSecond: null,
        index: null,
        store: null,
        configuration: null,
      },
    ],
  });
  const { points, ...head } = (await get('/v1/history')) as { readonly points: readonly object[] };
  assert.deepEqual(head, { range: '24h', asOf: 4_500, bucketMs: 300_000 });
  assert.partialDeepStrictEqual(points, [{ at: 0, requests: 9, bytesServed: 70, p50: null, p99: null }]);
  assert.equal((await app.inject('/v1/history?range=1y')).statusCode, 400);
  const [{ class: fillClass, startedAtMs: startedAt, ...fill } = assert.fail()] = report.fills;
  assert.deepEqual(await get('/v1/fills'), {
    fills: [{ ...fill, kind: 'blob', class: fillClass, node: name, size: null, startedAt, activity: null }],
    total: 1,
  });
});

test('the API returns upstreams, budgets and jobs, and redacts secrets in failures', async (t) => {
  const app = build(t, seen);
  const get = async (url: string) => (await app.inject({ url })).json<unknown>();
  assert.deepEqual(await get('/v1/upstreams'), {
    upstreams: [
      { ...states[0], health: 'failing', calls: 7, errors: 1 },
      { ...states[1], health: null, calls: null, errors: null },
    ],
  });
  const dockerAccount = {
    upstream: 'docker.io',
    endpoint: 'registry-1.docker.io',
    account: 'robot',
    source: '192.0.2.1',
  };
  const unknown = { account: null, source: null, limit: null, remaining: null, reserve: null, windowSeconds: null };
  assert.deepEqual(await get('/v1/budget'), {
    accounts: [
      {
        ...dockerAccount,
        limit: 100,
        remaining: 9,
        reserve: 20,
        windowSeconds: 21_600,
        reportedAt: 1_000,
        resetsAt: 21_601_000,
        backedOffUntil: null,
      },
      {
        upstream: 'quay.io',
        endpoint: 'quay.io',
        ...unknown,
        reportedAt: 2_000,
        resetsAt: null,
        backedOffUntil: 9_000,
      },
    ],
  });
  const { queues, failures } = (await get('/v1/jobs')) as {
    readonly queues: readonly { readonly oldestWaitingMs: number | null }[];
    readonly failures: readonly { readonly reason: string }[];
  };
  const counts = { waiting: 1, active: 2, delayed: 3, failed: 4 };
  assert.partialDeepStrictEqual(queues, [
    { name: 'interactive-blob', ...counts },
    { name: 'background-blob', ...counts, oldestWaitingMs: null },
  ]);
  assert.ok((queues[0]?.oldestWaitingMs ?? 0) >= 60_000);
  assert.partialDeepStrictEqual(failures, [
    { queue: 'interactive-blob', name: 'fetch-blob', reason: 'no answer', count: 2, at: 2 },
    { queue: 'interactive-blob', name: 'fetch-blob', count: 1, at: 1 },
  ]);
  assert.ok(!JSON.stringify(failures).includes('abc123'));
});

test('while the index is unavailable, the last view is returned and marked', async (t) => {
  let isUnavailable = false;
  const app = build(
    t,
    openTestNodes(async (value) => (isUnavailable ? unavailable() : value)),
  );
  const get = async (url: string) => (await app.inject({ url })).json<Record<string, unknown>>();
  const urls = ['/v1/nodes', '/v1/fills', '/v1/budget'];
  const [before, ...others] = await Promise.all(['/v1/overview', ...urls].map(get));
  isUnavailable = true;
  // The results are cached for half a second.
  await until(async () => !((await get('/v1/overview'))['view'] as { isCurrent: boolean }).isCurrent);
  assert.deepEqual(await get('/v1/overview'), { ...before, view: { asOf: 4_500, isCurrent: false } });
  assert.deepEqual(await Promise.all(urls.map(get)), others);
  const { statusCode, body } = await app.inject({ url: '/v1/jobs' });
  assert.deepEqual([statusCode, body], [503, '{"message":"Redis is unavailable."}']);
});

test('without a view of the nodes an operator still sees the problems and the upstreams', async (t) => {
  const app = build(t, openTestNodes(unavailable));
  const get = async (url: string) => (await app.inject({ url })).json<Record<string, unknown>>();
  assert.partialDeepStrictEqual(await get('/v1/overview'), {
    healthy: false,
    problems: [{ part: 'store' }, { part: 'clock' }],
    view: { asOf: null, isCurrent: false },
  });
  assert.deepEqual(await get('/v1/nodes'), { nodes: [] });
  // An operator needs the offline switch during an outage of the index.
  assert.partialDeepStrictEqual(await get('/v1/upstreams'), {
    upstreams: [{ name: 'docker.io', isOffline: false, health: null }, { name: 'ghcr.io' }],
  });
});

test('the event stream repeats overview, nodes and fills until the server shuts down', async (t) => {
  const app = build(t, seen);
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  assert.equal((await fetch(`${address}/v1/events`, { method: 'HEAD' })).status, 404);
  const answer = await fetch(`${address}/v1/events`);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  const decoder = new TextDecoder();
  let text = '';
  const reader = answer.body?.getReader() ?? assert.fail();
  const readUntil = async (isEnough: () => boolean) => {
    while (!isEnough()) {
      const { done, value } = await reader.read();
      if (done) return true;
      text += decoder.decode(value, { stream: true });
    }
    return false;
  };
  await readUntil(() => text.split('\n\n').length > 4);
  const events = [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, name, data = '']) => [name, data] as const);
  for (const name of ['overview', 'nodes', 'fills']) {
    const [, data] = events.find(([event]) => event === name) ?? assert.fail(name);
    assert.equal(data, (await app.inject({ url: `/v1/${name}` })).body);
  }
  const ended = readUntil(() => false);
  await app.close();
  assert.equal(await ended, true);
});
