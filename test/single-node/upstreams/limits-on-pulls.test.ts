// Tests responses when Docker Hub throttles us: cached content always, other content while any account has pulls left.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertRefused } from '../src/assert-refused.ts';
import { cacheOf, openCistern, openDirectory, openStage, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const accounts = ['one', 'two'].map((username) => ({ username, password: 'secret' }));
const tags = Array.from({ length: 8 }, (_, at) => `v${at}`);

/** Opens a cache with two accounts at an upstream that allows each this number of pulls. */
async function openTwoAccounts(t: Parameters<typeof openUpstream>[0], limitOf: Readonly<Record<string, number>>) {
  const upstream = await openUpstream(t, { auth: { kind: 'bearer', accounts }, rateLimit: { limit: 0, limitOf } });
  for (const tag of tags) upstream.addImage('library/app', { tag, layers: [Buffer.from(tag)] });
  const credentials = Object.fromEntries(accounts.map((account) => [account.username, account]));
  const cistern = await openCistern(t, { config: cacheOf(upstream, { credentials }) });
  const pull = (tag: string, prefix = '') =>
    sendRequest(`${cistern.url}/v2/${prefix}library/app/manifests/${tag}`, { headers: { accept: '*/*' } });
  return { upstream, cistern, pull };
}

test('the second account is used when the first has no pulls left', async (t) => {
  const { upstream, cistern, pull } = await openTwoAccounts(t, { one: 3, two: 100 });
  upstream.rateLimit.setRemaining(0, 'one');
  for (const tag of tags.slice(0, 5)) assert.equal((await pull(tag)).status, 200, tag);
  assert.equal(upstream.rateLimit.remaining('two'), 95);
  const metrics = await readMetrics(cistern);
  const left = (credential: string) =>
    metrics.get(
      `cistern_upstream_rate_limit_remaining{upstream="docker.io",endpoint="${new URL(upstream.url).host}",credential="${credential}"}`,
    );
  assert.equal(left('one'), 0);
  assert.equal(left('two'), 95);
});

test('cached content is served stale and other pulls are rejected without a request when no account has pulls left', async (t) => {
  const { upstream, pull } = await openTwoAccounts(t, { one: 2, two: 2 });
  const served = [];
  for (const tag of tags.slice(0, 4)) served.push((await pull(tag)).status);
  assert.deepEqual(served, [200, 200, 200, 200]);
  const before = upstream.count({ endpoint: 'manifest' });
  for (let round = 0; round < 3; round += 1)
    for (const tag of tags.slice(0, 4)) {
      const stale = await pull(tag);
      assert.equal(stale.status, 200);
      assert.equal(stale.headers['x-cache'], 'STALE');
    }
  for (const tag of tags.slice(4)) {
    assertRefused(await pull(tag), 503, 'UNAVAILABLE', tag);
    const byPrefix = await pull(tag, 'docker.io/');
    assertRefused(byPrefix, 429, 'TOOMANYREQUESTS', tag);
    assert.ok(Number(byPrefix.headers['retry-after']) >= 1);
  }
  assert.equal(upstream.count({ endpoint: 'manifest' }), before, 'no request was sent that the upstream would reject');
});

test('the last pulls are reserved for content that is not cached', async (t) => {
  const upstream = await openUpstream(t, { rateLimit: { limit: 10 } });
  for (const tag of tags) upstream.addImage('library/app', { tag, layers: [Buffer.from(tag)] });
  const cistern = await openCistern(t, { config: cacheOf(upstream, { budget: { reserve: 8 } }) });
  const pull = (tag: string) => sendRequest(`${cistern.url}/v2/library/app/manifests/${tag}`);
  await pull('v0');
  assert.equal((await pull('v0')).headers['x-cache'], 'REVALIDATED');
  await pull('v1');
  upstream.addImage('library/app', { tag: 'v0', layers: [Buffer.from('moved')] });
  assert.equal((await pull('v0')).headers['x-cache'], 'STALE');
  assert.equal(upstream.rateLimit.remaining(), 8);
  for (const tag of tags.slice(2, 8)) assert.equal((await pull(tag)).status, 200, tag);
  assert.equal(upstream.rateLimit.remaining(), 2);
});

test('cached content is served and no requests are sent while an upstream answers 429', async (t) => {
  const { upstream, cistern } = await openStage(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const pull = (tag: string) => sendRequest(`${cistern.url}/v2/library/app/manifests/${tag}`);
  await pull('latest');
  const throttled = upstream.addFault({ endpoint: 'manifest' }, { status: 429, headers: { 'retry-after': '3' } });
  assert.equal((await pull('latest')).headers['x-cache'], 'STALE');
  const before = upstream.count({ endpoint: 'manifest' });
  for (let count = 0; count < 5; count += 1) assertRefused(await pull(`cold-${count}`), 503, 'UNAVAILABLE');
  assert.equal(upstream.count({ endpoint: 'manifest' }), before);
  throttled.remove();
  upstream.addImage('library/app', { tag: 'new' });
  await until('the upstream is queried again', async () => (await pull('new')).status === 200);
});

test('a wrong password is logged, and a new password file fixes it', async (t) => {
  const file = join(await openDirectory(t), 'password');
  await writeFile(file, 'wrong\n');
  const upstream = await openUpstream(t, { auth: { kind: 'bearer', accounts } });
  upstream.addImage('library/app', { tag: 'latest' });
  const config = cacheOf(upstream, { username: 'one', passwordfile: file });
  const cistern = await openCistern(t, { config });
  const pull = () => sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  const refused = async () => {
    const series = [...(await readMetrics(cistern))];
    return series.find(([name]) => name.startsWith('cistern_upstream_credentials_refused{'))?.[1];
  };
  for (let count = 0; count < 3; count += 1) assertRefused(await pull(), 502, 'UNAVAILABLE');
  assert.equal(await refused(), 1);
  assert.equal(upstream.count({ endpoint: 'token' }), 1, 'a wrong password is sent only once');
  await writeFile(file, 'secret\n');
  assert.equal((await pull()).status, 200);
  assert.equal(await refused(), 0);
  assert.equal(cistern.log().filter((line) => line.includes('upstream credentials rejected or unreadable')).length, 1);
});

test('while an upstream throttles for seconds, a request by prefix waits, and a mirror request does not', async (t) => {
  const { upstream, cistern } = await openStage(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const throttled = upstream.addFault({ endpoint: 'manifest' }, { status: 429, headers: { 'retry-after': '1' } });
  const byPrefix = sendRequest(`${cistern.url}/v2/docker.io/library/app/manifests/latest`);
  await until('the request is throttled', async () => upstream.count({ endpoint: 'manifest' }) > 0);
  assertRefused(await sendRequest(`${cistern.url}/v2/library/app/manifests/latest?ns=docker.io`), 503, 'UNAVAILABLE');
  throttled.remove();
  const { status, headers } = await byPrefix;
  assert.deepEqual([status, headers['x-cache']], [200, 'MISS']);
  assert.equal(upstream.count({ endpoint: 'manifest' }), 2, 'no request was sent in between');
});
