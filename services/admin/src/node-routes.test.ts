import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Decisions, type Images, type Nodes, type Prewarm, type Upkeep, viewNodes } from '@cistern/assembly';
import { CacheError } from '@cistern/errors';
import { buildAdminServer } from './build-admin-server.ts';

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
  upstreams: [],
  budget: [],
  latencies: { '0.1': 0, '1': 10 },
};

const seen: Nodes = {
  async view() {
    const counts = {
      requests: 9,
      hits: 4,
      joined: 2,
      stale: 1,
      misses: 2,
      bytesServed: 70,
      bytesFetched: 7,
      upstreamCalls: 3,
    };
    const nodes = [{ id: 'id-1', seenAtMs: 4_000, report: JSON.stringify(report) }];
    return viewNodes({ nodes, counts, countedSinceMs: 500 });
  },
  totals: async () => ({ blobs: 3, bytes: 30 }),
  maxBytes: undefined,
};

const away = () => Promise.reject(new CacheError('index-unavailable', 'Redis is away.'));

function build(t: TestContext, nodes: Nodes) {
  const app = buildAdminServer({
    version: '1.2.3',
    parts: { index: async () => {}, store: () => Promise.reject(new Error('no such bucket')) },
    access: 'everything',
    nodes,
    prewarm: {} as Prewarm,
    upkeep: {} as Upkeep,
    decisions: {} as Decisions,
    images: {} as Images,
  });
  t.after(() => app.close());
  return app;
}

test('how the cache is, which nodes there are and what they fetch is told in words and numbers that stay', async (t) => {
  const app = build(t, seen);
  const get = async (url: string) => {
    const { statusCode, headers, body } = await app.inject({ url });
    assert.deepEqual([statusCode, headers['cache-control']], [200, 'no-store']);
    return JSON.parse(body) as object;
  };
  assert.deepEqual(await get('/v1/overview'), {
    version: '1.2.3',
    healthy: false,
    parts: { index: 'ok', store: 'no such bucket' },
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
    nodes: [{ id, name, role, version, startedAt: 1_000, seenAt: 4_000, inFlight, jobs, fills: 1, rssBytes }],
  });
  const [{ class: fillClass, startedAtMs: startedAt, ...fill } = assert.fail()] = report.fills;
  assert.deepEqual(await get('/v1/fills'), {
    fills: [{ ...fill, kind: 'blob', class: fillClass, node: name, size: null, startedAt }],
    total: 1,
  });
});

test('an index that is away is told as that, and not as a cache in which nothing happens', async (t) => {
  const app = build(t, { view: away, totals: away, maxBytes: undefined });
  for (const url of ['/v1/overview', '/v1/nodes', '/v1/fills']) {
    const { statusCode, body } = await app.inject({ url });
    assert.deepEqual([statusCode, body], [503, '{"message":"Redis is away."}'], url);
  }
});

test('who listens is told all of it again and again, until the server ends', async (t) => {
  const app = build(t, seen);
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  assert.equal((await fetch(`${address}/v1/events`, { method: 'HEAD' })).status, 404);
  const answer = await fetch(`${address}/v1/events`);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  const decoder = new TextDecoder();
  let text = '';
  const reader = answer.body?.getReader() ?? assert.fail();
  const untilTold = async (isEnough: () => boolean) => {
    while (!isEnough()) {
      const { done, value } = await reader.read();
      if (done) return true;
      text += decoder.decode(value, { stream: true });
    }
    return false;
  };
  await untilTold(() => text.split('\n\n').length > 4);
  const events = [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, name, data = '']) => [name, data] as const);
  for (const name of ['overview', 'nodes', 'fills']) {
    const [, data] = events.find(([event]) => event === name) ?? assert.fail(name);
    assert.equal(data, (await app.inject({ url: `/v1/${name}` })).body);
  }
  const ended = untilTold(() => false);
  await app.close();
  assert.equal(await ended, true);
});
