// Tests the log of nodes while Redis is down. An outage is one line when it begins, and one when it ends. Many parts of a node
// notice it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { openCluster } from './open-cluster.ts';

const began = 'index unavailable, falling back to memory and store';
const ended = 'index available again';

test('an outage of Redis is one line when it begins and one when it ends, also under load', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/warm', { tag: '1' });
  const { frontends, workers, redis } = await openCluster(t, {
    frontends: 1,
    config: { upstreams: { 'docker.io': { url: upstream.url } }, log: { formatter: 'json' } },
  });
  const [frontend] = frontends;
  assert.ok(frontend !== undefined);
  const pull = async (name: string) => (await sendRequest(`${frontend.url}/v2/library/${name}/manifests/1`)).status;
  assert.equal(await pull('warm'), 200);
  const nodes = [...frontends, ...workers];
  const shownBefore = nodes.map((node) => node.log().length);
  /** The messages since the beginning of the outage, without those of requests. */
  const messages = () =>
    nodes.map((node, at) =>
      node
        .log()
        .slice(shownBefore[at])
        .map((line) => (JSON.parse(line) as { readonly msg: string }).msg)
        .filter((msg) => msg !== 'request'),
    );

  await redis.kill();
  await until('all nodes notice the outage', async () => {
    await pull('warm');
    assert.equal(await pull('cold'), 503);
    return messages().every((shown) => shown.includes(began));
  });
  for (let count = 0; count < 20; count += 1) await Promise.all([pull('warm'), pull('cold')]);
  await redis.start();
  await until('all nodes notice its end', () => messages().every((shown) => shown.includes(ended)));
  for (const shown of messages()) assert.deepEqual(shown, [began, ended]);
  assert.doesNotMatch(nodes.flatMap((node) => node.log()).join(''), /"stack"/);
});
