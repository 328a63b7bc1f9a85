// Tests an upstream that accepts every request and answers none, under a load of clients that pull cached images.
// real-time: prints response times under load; no test asserts them
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createGate } from '@cistern/fake-upstream';
import { diagnoseTime } from '@cistern/test-servers';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const clients = 40;
/** Pause between two pulls of a client. */
const pauseMs = 400;
const phaseMs = 1_000;

interface Pull {
  readonly beganAt: number;
  readonly tookMs: number;
  readonly problem: string | undefined;
}

test('clients get cached images, and the upstream is used again when it answers', async (t) => {
  const upstream = await openUpstream(t);
  const images = Array.from({ length: 20 }, (_, at) =>
    upstream.addImage(`library/app-${at}`, { tag: 'latest', layers: [Buffer.alloc(20_000, at)] }),
  );
  const cistern = await openCistern(t, { config: cacheOf(upstream, { ttl: '1s', timeouts: { silence: '2s' } }) });
  const endpoint = new URL(upstream.url).host;
  const state = async () =>
    (await readMetrics(cistern)).get(`cistern_upstream_endpoint_state{upstream="docker.io",endpoint="${endpoint}"}`);

  const pulls: Pull[] = [];
  const results = new Set<unknown>();
  async function pull(at: number): Promise<string | undefined> {
    const image = images[at % images.length]!;
    const repository = `${cistern.url}/v2/library/app-${at % images.length}`;
    const manifest = await sendRequest(`${repository}/manifests/latest`);
    results.add(manifest.headers['x-cache']);
    if (manifest.status !== 200 || !manifest.body.equals(image.bytes)) return `manifest: ${manifest.status}`;
    const blob = await sendRequest(`${repository}/blobs/${image.layers[0]!.digest}`);
    return blob.status === 200 && blob.body.length === image.layers[0]!.size ? undefined : `blob: ${blob.status}`;
  }
  for (const at of images.keys()) assert.equal(await pull(at), undefined);

  let isOver = false;
  t.after(() => (isOver = true));
  const load = Array.from({ length: clients }, async (_, client) => {
    await delay((pauseMs * client) / clients);
    for (let count = client; !isOver; count += 1) {
      const beganAt = performance.now();
      const problem = await pull(count).catch(String);
      pulls.push({ beganAt, tookMs: performance.now() - beganAt, problem });
      await delay(pauseMs);
    }
  });
  const p99Of = async (ms: number): Promise<number> => {
    const from = performance.now();
    await delay(ms);
    const times = () => pulls.filter(({ beganAt }) => beganAt >= from).map(({ tookMs }) => tookMs);
    await until('as many pulls as there are clients', () => times().length >= clients);
    const took = times();
    return took.sort((one, other) => one - other)[Math.floor(took.length * 0.99)]!;
  };

  const before = await p99Of(phaseMs);
  assert.equal(await state(), 0);
  const gate = createGate();
  const hole = upstream.addFault({}, { gate, gateHeaders: true });
  await until('the breaker has opened', async () => (await state()) !== 0);
  t.diagnostic(`p99 was ${Math.round(before)} and is ${Math.round(await p99Of(phaseMs))} ms`);
  assert.ok(results.has('STALE'));

  hole.remove();
  gate.release();
  await until('the upstream is used again', async () => (await state()) === 0, 60_000);
  results.clear();
  await until('tags are confirmed again', () => results.has('REVALIDATED') || results.has('HIT'), 60_000);
  isOver = true;
  await Promise.all(load);
  assert.deepEqual(
    pulls.filter(({ problem }) => problem !== undefined),
    [],
  );
});

test('content that is not cached is rejected after the silence, and then without requests to the upstream', async (t) => {
  const upstream = await openUpstream(t);
  const { layers } = upstream.addImage('library/app', { tag: 'latest' });
  const cistern = await openCistern(t, { config: cacheOf(upstream, { timeouts: { silence: '1s', headers: '1h' } }) });
  const gate = createGate();
  upstream.addFault({}, { gate, gateHeaders: true });
  const refused = async (path: string, method: string): Promise<void> => {
    const { status } = await sendRequest(`${cistern.url}/v2/${path}`, { method });
    assert.match(String(status), /^50[34]$/, path);
  };
  const paths = ['manifests/latest', `blobs/${layers[0]!.digest}`, 'tags/list'].flatMap((path) => [
    `library/app/${path}`,
    `docker.io/library/app/${path}`,
  ]);
  await diagnoseTime(t, 'the first rejections', async () => Promise.all(paths.map((path) => refused(path, 'GET'))));
  const before = upstream.requests().filter(({ path }) => path !== '/v2/').length;
  for (const path of paths) await refused(path, path.includes('manifests') ? 'HEAD' : 'GET');
  assert.equal(upstream.requests().filter(({ path }) => path !== '/v2/').length, before);
  gate.release();
});
