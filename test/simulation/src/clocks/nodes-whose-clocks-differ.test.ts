// Nodes of one cluster whose machines disagree about the time. One node writes timestamps that the others compare.
import assert from 'node:assert/strict';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { replaceModules } from '../nodes/replace-modules.ts';

replaceModules();
const { startFakeUpstream } = await import('@cistern/fake-upstream');
const { createWeather } = await import('../cluster/cluster-weather.ts');
const { startNodes } = await import('../nodes/start-nodes.ts');
const { clockSkewsMs } = await import('../world/clock.ts');
const { createRandom } = await import('../world/random.ts');

const ttlMs = 60_000;
const hourMs = 3_600_000;

async function startCluster(t: TestContext, clocks: Readonly<Record<string, number>>) {
  const upstream = await startFakeUpstream();
  t.after(() => upstream.close());
  const push = (seed: string) => upstream.addImage('library/app', { seed, tag: 'latest' }).digest;
  const first = push('first');
  const rule = `{ tags: ['*'], ttl: ${ttlMs}ms }`;
  for (const [name, aheadMs] of Object.entries(clocks)) clockSkewsMs.set(name, aheadMs);
  t.after(() => clockSkewsMs.clear());
  const nodes = await startNodes({
    frontends: 2,
    workers: 1,
    weather: createWeather(createRandom(1)),
    store: 'memory',
    file: `upstreams: { docker.io: { url: '${upstream.url}', freshness: [${rule}], lists: { ttl: ${ttlMs}ms } } }`,
  });
  t.after(async () => assert.deepEqual(await nodes.close(), []));
  const get = async (frontend: number, path: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { port } = nodes.frontends[frontend]!;
    httpGet({ host: '127.0.0.1', port, path: `/v2/library/app/${path}`, agent: false }, resolve).on('error', reject);
    const response = await promise;
    const body = await text(response);
    assert.equal(response.statusCode, 200, body);
    const { age, 'x-cache': cache, 'docker-content-digest': digest } = response.headers;
    return { cache, age: Number(age ?? 0), digest, body };
  };
  return { upstream, first, push, get };
}

for (const [node, clocks] of Object.entries({
  'a worker that is an hour ahead': { 'worker-1': hourMs },
  'a worker that is an hour behind': { 'worker-1': -hourMs },
  'a frontend that is an hour ahead': { 'frontend-1': hourMs },
  'a frontend that is an hour behind': { 'frontend-1': -hourMs },
}))
  test(`${node} does not change the age of cached content`, async (t) => {
    const { push, upstream, first, get } = await startCluster(t, clocks);
    for (const path of ['manifests/latest', 'tags/list']) assert.equal((await get(0, path)).cache, 'MISS');
    await delay(30_000);
    for (const path of ['manifests/latest', 'tags/list'])
      for (const frontend of [0, 1]) {
        const { cache, age } = await get(frontend, path);
        assert.equal(cache, 'HIT');
        assert.ok(age >= 28 && age <= 32, `${path}: ${age}`);
      }
    const second = push('second');
    upstream.setTag('library/app', 'other', first);
    await delay(31_000);
    for (const frontend of [0, 1]) {
      const { digest, age } = await get(frontend, 'manifests/latest');
      assert.equal(digest, second);
      assert.ok(age <= 2, String(age));
      assert.match((await get(frontend, 'tags/list')).body, /other/);
    }
  });
