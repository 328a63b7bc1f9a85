// Tests a repository that requires credentials that the cache does not have. It fails alone: other pulls of the
// upstream continue.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused } from '../src/assert-refused.ts';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const challenges = {
  'Basic without an account': 'Basic realm="private"',
  'a token server that is not trusted': 'Bearer realm="https://token.example/",service="x"',
};

for (const [what, challenge] of Object.entries(challenges))
  test(`a private repository that requires ${what} does not make another cold pull fail`, async (t) => {
    const upstream = await openUpstream(t);
    for (const name of ['library/one', 'library/two', 'team/private']) upstream.addImage(name, { tag: 'latest' });
    const cistern = await openCistern(t, { config: cacheOf(upstream) });
    const pull = (name: string) => sendRequest(`${cistern.url}/v2/${name}/manifests/latest`);
    upstream.addFault({ repository: 'team/private' }, { status: 401, headers: { 'www-authenticate': challenge } });
    assertRefused(await pull('team/private'), 502, 'UNAVAILABLE');
    assert.equal((await pull('library/one')).status, 200);
    assertRefused(await pull('team/private'), 502, 'UNAVAILABLE');
    assert.equal((await pull('library/two')).status, 200);
    assert.equal((await pull('library/one')).headers['x-cache'], 'REVALIDATED');
  });

test('a tag that becomes private is served stale, which log and metrics report', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const cistern = await openCistern(t, {
    config: cacheOf(upstream, { freshness: [{ tags: ['*'], ttl: '0s', stalewhilerevalidate: '1h' }] }),
  });
  const pull = () => sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  await pull();
  upstream.addFault({}, { status: 401, headers: { 'www-authenticate': 'Basic realm="private"' } });
  assert.equal((await pull()).headers['x-cache'], 'STALE');
  const logged = (part: string) => cistern.log().some((line) => line.includes(part));
  await until(
    'the failure is logged',
    () => logged('background tag revalidation failed') && logged('none are configured'),
  );
  await until('the failure is recorded', async () => {
    assert.equal((await pull()).headers['x-cache'], 'STALE');
    const failing = 'cistern_stale_answers_total{upstream="docker.io",reason="failing"}';
    return ((await readMetrics(cistern)).get(failing) ?? 0) > 0;
  });
});
