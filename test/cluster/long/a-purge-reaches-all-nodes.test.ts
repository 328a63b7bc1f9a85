// Operations at the admin node take effect on every node immediately. A refreshed tag names the upstream's present
// image. No node serves purged content, not even from memory, until it is fetched again.
// real-time: prints how long frontends took; nothing asserts it
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { startAdminNode } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';

/** The target is one second. A slow machine has more time. */
const withinMs = 60_000;
const repository = 'library/app';

async function openOperated(t: TestContext) {
  // Tags are fresh for so long that no node confirms them automatically.
  const env = { 'REGISTRY_UPSTREAMS_DOCKER.IO_TTL': '1h' };
  const rig = await openClusterRig(t, { cluster: { frontends: 3, env } });
  const { cluster } = rig;
  const admin = await startAdminNode(cluster);
  t.after(() => admin.stop());
  return {
    ...rig,
    async run(...args: readonly string[]) {
      const { code, stdout, stderr } = await runCistern([...args, '--config', cluster.configFile, '--url', admin.url]);
      assert.equal(code, 0, stderr);
      return stdout;
    },
    /** Returns the response of each frontend. */
    answers: (path: string) =>
      Promise.all(cluster.frontends.map(({ url }) => sendRequest(`${url}/v2/${repository}/${path}`))),
  };
}

test('a refresh updates the tag on all nodes', async (t) => {
  const { cluster, upstream, run, answers } = await openOperated(t);
  const before = upstream.addImage(repository, { tag: 'latest', seed: 'before' });
  for (const at of cluster.frontends) await pullImage({ at, image: before, tag: 'latest' });
  const after = upstream.addImage(repository, { tag: 'latest', seed: 'after' });
  const named = async () =>
    (await answers('manifests/latest')).map(({ headers }) => headers['docker-content-digest'] as string);
  assert.deepEqual(new Set(await named()), new Set([before.digest]));
  const refreshed = JSON.parse(await run('refresh', 'app', '--json')) as object;
  const result = { image: 'docker.io/library/app:latest', before: before.digest, after: after.digest };
  assert.deepEqual(refreshed, { results: [{ target: 'app', ...result }] });
  const sinceMs = performance.now();
  await until(
    'every frontend names the new image',
    async () => (await named()).every((one) => one === after.digest),
    withinMs,
  );
  t.diagnostic(`every frontend named the new image ${Math.round(performance.now() - sinceMs)} ms after the response`);
  assert.equal(upstream.count({ method: 'GET', digest: after.digest }), 1);
});

test('purged content is served by no node, even after a rebuild, until it is fetched again', async (t) => {
  const { cluster, upstream, run, answers } = await openOperated(t);
  const image = upstream.addImage(repository, { tag: 'latest', layers: [{ size: 3_000_000, seed: 'a layer' }] });
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  const layer = image.layers[0] ?? assert.fail();
  const paths = ['manifests/latest', `manifests/${image.digest}`, `blobs/${layer.digest}`];
  const statuses = async () => (await Promise.all(paths.map(answers))).flat().map(({ status }) => status);
  assert.deepEqual(new Set(await statuses()), new Set([200]));

  await upstream.refuseConnections();
  const { results } = JSON.parse(await run('purge', 'app', '--json')) as {
    readonly results: readonly { readonly purged: object }[];
  };
  const sinceMs = performance.now();
  assert.deepEqual(results[0]?.purged, { tags: 1, manifests: 1, blobs: 2 });
  const isGone = async () => (await statuses()).every((status) => status >= 400);
  await until('no frontend serves purged content', isGone, withinMs);
  t.diagnostic(`no frontend served purged content ${Math.round(performance.now() - sinceMs)} ms after the response`);
  await runCistern(['index', 'rebuild', cluster.configFile]);
  assert.ok(await isGone(), 'the rebuild restored purged content');

  await upstream.acceptConnections();
  const isServed = async () => (await statuses()).every((status) => status === 200);
  await until('the image is fetched again', isServed, 60_000);
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  assert.equal(upstream.count({ method: 'GET', digest: layer.digest, status: 200 }), 2);
});
