// Tests the log. Each request is one line, which describes the cache's action and agrees with the response header. A pull writes
// no other line.
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
  readonly bytes?: number;
}

test('the JSON log has one object for each request', async (t) => {
  const upstream = await openUpstream(t);
  const cistern = await openCistern(t, {
    config: { ...cacheOf(upstream), log: { level: 'debug', formatter: 'json' } },
  });
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
    assert.equal(line.bytes, one.answer.body.length, one.path);
  }
});

const short =
  /^\d\d:\d\d:\d\d (?:WARN |ERROR )?\S+(?: tags)? ([A-Z]+|\d{3}(?: [a-z-]+)?) [\d.]+ [kMG]?B [\d.]+ m?s 127\.0\.0\.1(?: |$)/;

const isOfRequest = (line: string) => short.test(line);
const resultOf = (line: string) => short.exec(line)?.[1]?.slice(0, 3);
const byText = (one = '', other = '') => one.localeCompare(other);

test('the text log has one short line for each request, and no other line of a pull', async (t) => {
  const upstream = await openUpstream(t);
  const cistern = await openCistern(t, { config: cacheOf(upstream) });
  await until('the start is logged', () => cistern.log().some((line) => line.includes(' listening ')));
  const before = cistern.log().filter(isOfRequest).length;
  const exchanges = await requestEverything(upstream, cistern);
  const requests = () => cistern.log().filter(isOfRequest).slice(before);
  await until('every request is logged', () => requests().length >= exchanges.length);
  assert.equal(requests().length, exchanges.length);
  const expected = exchanges.map(({ answer }) => {
    const { 'x-cache': cache } = answer.headers;
    return typeof cache === 'string' && answer.status < 400 ? cache.slice(0, 3) : String(answer.status);
  });
  assert.deepEqual(requests().map(resultOf).toSorted(byText), expected.toSorted(byText));
  // The upstream became unavailable at the end. All other lines are about that.
  const others = cistern
    .log()
    .filter((line) => !isOfRequest(line) && !/ (?:listening|configuration warning|rebuilt index) /.test(line));
  assert.deepEqual(
    others.filter((line) => !line.includes(' WARN ')),
    [],
  );
});

test('a cold pull has as many lines as requests', async (t) => {
  const upstream = await openUpstream(t);
  const layers = ['a', 'b', 'c'].map((seed) => seededBytes(500_000, seed));
  const image = upstream.addImage('library/app', { tag: 'latest', layers });
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), log: { formatter: 'json' } } });
  const before = cistern.log().length;
  const paths = [
    '/v2/',
    '/v2/library/app/manifests/latest',
    `/v2/library/app/manifests/${image.digest}`,
    ...[image.config, ...image.layers].map(({ digest }) => `/v2/library/app/blobs/${digest}`),
  ];
  for (const path of paths) assert.equal((await sendRequest(cistern.url + path)).status, 200);
  const blobs = () => sendRequest(`${cistern.url}${paths.at(-1)}`, { method: 'HEAD' });
  let polls = 0;
  await until('the last blob is stored', async () => {
    polls += 1;
    return (await blobs()).headers['x-cache'] === 'HIT';
  });
  // The rebuild of the index after the start may find a blob of the pull first.
  const lines = () =>
    cistern
      .log()
      .slice(before)
      .filter((line) => !line.includes('rebuilt index from store'));
  await until('every request is logged', () => lines().length >= paths.length + polls);
  assert.equal(lines().length, paths.length + polls, lines().join('\n'));
  for (const line of lines()) assert.ok(Buffer.byteLength(line) <= 300, line);
});

const combined =
  /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:[\d:]{8} [+-]\d{4}\] "(\w+) (\S+) HTTP\/1\.1" (\d{3}) (\d+) "" ""$/;

for (const formatter of ['text', 'json'])
  test(`on request each request is one line in the combined format instead (${formatter})`, async (t) => {
    const upstream = await openUpstream(t);
    const log = { formatter, accesslog: { disabled: false } };
    const cistern = await openCistern(t, { config: { ...cacheOf(upstream), log } });
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
    const others = cistern.log().filter((line) => short.test(line) || line.includes('"msg":"request"'));
    for (const line of others) assert.match(line, / WARN .* 503 |"level":"warn".*"status":503/);
  });
