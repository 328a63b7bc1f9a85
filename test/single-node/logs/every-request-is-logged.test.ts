// Tests the log line of each request: it describes the cache's action, and agrees with the response header.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGate, type FakeUpstream } from '@cistern/fake-upstream';
import { cacheOf, openCistern, openUpstream, seededBytes } from '../src/open-stage.ts';
import { type Answer, beginDownload, sendRequest } from '../src/send-request.ts';
import type { Cache } from '../src/start-cache.ts';
import { until } from '../src/until.ts';

interface Exchange {
  readonly path: string;
  readonly answer: Answer;
}

/** Sends requests that together produce every result. */
async function requestEverything(upstream: FakeUpstream, cistern: Cache): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  const request = async (path: string, expected: string | undefined, method = 'GET') => {
    const answer = await sendRequest(cistern.url + path, { method });
    exchanges.push({ path, answer });
    assert.equal(answer.headers['x-cache'], expected, `${method} ${path}`);
  };
  const layer = seededBytes(500_000, 'layer');
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [layer] });
  const manifest = '/v2/library/app/manifests/latest';
  const blob = `/v2/library/app/blobs/${image.layers[0]!.digest}`;

  await request('/v2/', undefined);
  await request(manifest, 'MISS');
  await request(manifest, 'REVALIDATED');
  await request(manifest, 'REVALIDATED', 'HEAD');
  await request(`/v2/library/app/manifests/${image.digest}`, 'HIT');
  const gate = createGate();
  upstream.addFault({ digest: image.layers[0]!.digest, method: 'GET' }, { gate });
  gate.allow(100_000);
  const first = await beginDownload(cistern.url + blob);
  await first.untilReceived(1);
  const second = await beginDownload(cistern.url + blob);
  gate.release();
  exchanges.push({ path: blob, answer: await first.ended }, { path: blob, answer: await second.ended });
  assert.deepEqual([first.headers['x-cache'], second.headers['x-cache']], ['MISS', 'JOINED']);
  await until('it is stored', async () => {
    const answer = await sendRequest(cistern.url + blob, { method: 'HEAD' });
    exchanges.push({ path: blob, answer });
    return answer.headers['x-cache'] === 'HIT';
  });
  await request(blob, 'HIT');
  await upstream.refuseConnections();
  await request(manifest, 'STALE');
  await request(manifest, 'STALE', 'HEAD');
  await request('/v2/library/app/manifests/other', undefined);
  await request('/v2/library/app/manifests/-', undefined);
  await request(manifest, undefined, 'DELETE');
  return exchanges;
}

interface Line {
  readonly requestId?: string;
  readonly cache?: string;
  readonly status?: number;
  readonly bytesSent?: number;
}

test('the JSON log has one object for each request', async (t) => {
  const upstream = await openUpstream(t);
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), log: { level: 'info', formatter: 'json' } } });
  const exchanges = await requestEverything(upstream, cistern);
  const lines = () =>
    cistern
      .log()
      .filter((text) => text.startsWith('{'))
      .map((text) => JSON.parse(text) as Line);
  const linesOf = ({ answer }: Exchange) =>
    lines().filter(({ requestId }) => requestId === answer.headers['x-request-id']);
  await until('every request is logged', () => exchanges.every((one) => linesOf(one).length > 0));
  for (const one of exchanges) {
    const [line, ...others] = linesOf(one);
    assert.equal(others.length, 0);
    assert.equal(line?.cache, one.answer.headers['x-cache'], one.path);
    assert.equal(line?.status, one.answer.status, one.path);
    assert.equal(line.bytesSent, one.answer.body.length, one.path);
  }
});

const combined =
  /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:[\d:]{8} [+-]\d{4}\] "(\w+) (\S+) HTTP\/1\.1" (\d{3}) (\d+) "" ""$/;

test('the text log has an access log line like registry:2 for each request, and details at level debug', async (t) => {
  const upstream = await openUpstream(t);
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), log: { level: 'debug' } } });
  const exchanges = await requestEverything(upstream, cistern);
  const accessLog = () =>
    cistern.log().flatMap((line) => {
      const [, method, path, status, bytes] = combined.exec(line) ?? [];
      return path === undefined ? [] : [{ method, path, status: Number(status), bytes: Number(bytes) }];
    });
  // The test's start also requested `/v2/` until it was answered.
  await until(
    'every request is logged',
    () => accessLog().filter(({ path }) => path !== '/v2/').length >= exchanges.length - 1,
  );
  for (const { path, answer } of exchanges)
    assert.ok(
      accessLog().some(
        (line) => line.path === path && line.status === answer.status && line.bytes === answer.body.length,
      ),
      `${path} ${answer.status}`,
    );
  for (const { path, answer } of exchanges) {
    const id = String(answer.headers['x-request-id']);
    const line = cistern.log().find((text) => text.includes(`"requestId":"${id}"`));
    assert.equal(/"cache":"(\w+)"/.exec(line ?? '')?.[1], answer.headers['x-cache'], path);
  }
});

test('the access log can be switched off', async (t) => {
  const upstream = await openUpstream(t);
  const cistern = await openCistern(t, {
    config: { ...cacheOf(upstream), log: { level: 'debug', accesslog: { disabled: true } } },
  });
  const id = String((await sendRequest(`${cistern.url}/v2/`)).headers['x-request-id']);
  await until('the request is logged', () => cistern.log().some((line) => line.includes(id)));
  assert.ok(!cistern.log().some((line) => combined.test(line)));
});
