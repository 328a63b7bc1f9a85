// What an operator has done at the admin node holds on every node at once: a refreshed tag names what upstream says, and what is
// purged is served by nobody, whatever a frontend remembers, until upstream has given it anew.
// real-time: prints how long frontends took; nothing asserts it
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { startAdminNode } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';

/** A second is the promise; a machine that stands still is given more. */
const withinMs = 60_000;
const repository = 'library/app';

async function openOperated(t: TestContext) {
  // Tags are believed for so long that nobody asks for them by itself.
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
    /** Of each frontend. */
    answers: (path: string) =>
      Promise.all(cluster.frontends.map(({ url }) => sendRequest(`${url}/v2/${repository}/${path}`))),
  };
}

test('a refresh moves the tag on all nodes', async (t) => {
  const { cluster, upstream, run, answers } = await openOperated(t);
  const before = upstream.addImage(repository, { tag: 'latest', seed: 'before' });
  for (const at of cluster.frontends) await pullImage({ at, image: before, tag: 'latest' });
  const after = upstream.addImage(repository, { tag: 'latest', seed: 'after' });
  const named = async () =>
    (await answers('manifests/latest')).map(({ headers }) => headers['docker-content-digest'] as string);
  assert.deepEqual(new Set(await named()), new Set([before.digest]));
  const refreshed = JSON.parse(await run('refresh', 'app', '--json')) as object;
  assert.deepEqual(refreshed, {
    image: 'docker.io/library/app:latest',
    before: before.digest,
    after: after.digest,
  });
  const sinceMs = performance.now();
  await until('every frontend names it', async () => (await named()).every((one) => one === after.digest), withinMs);
  t.diagnostic(`every frontend named it ${Math.round(performance.now() - sinceMs)} ms after the answer`);
  assert.equal(upstream.count({ method: 'GET', digest: after.digest }), 1);
});

test('what is purged is served by no node, nor after a rebuild, until upstream has given it anew', async (t) => {
  const { cluster, upstream, run, answers } = await openOperated(t);
  const image = upstream.addImage(repository, { tag: 'latest', layers: [{ size: 3_000_000, seed: 'a layer' }] });
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  const layer = image.layers[0] ?? assert.fail();
  const paths = ['manifests/latest', `manifests/${image.digest}`, `blobs/${layer.digest}`];
  const statuses = async () => (await Promise.all(paths.map(answers))).flat().map(({ status }) => status);
  assert.deepEqual(new Set(await statuses()), new Set([200]));

  await upstream.refuseConnections();
  const { purged } = JSON.parse(await run('purge', 'app', '--json')) as { readonly purged: object };
  const sinceMs = performance.now();
  assert.deepEqual(purged, { tags: 1, manifests: 1, blobs: 2 });
  const isGone = async () => (await statuses()).every((status) => status >= 400);
  await until('no frontend serves it', isGone, withinMs);
  t.diagnostic(`no frontend served it ${Math.round(performance.now() - sinceMs)} ms after the answer`);
  await runCistern(['index', 'rebuild', cluster.configFile]);
  assert.ok(await isGone(), 'a rebuild brought it back');

  await upstream.acceptConnections();
  const isServed = async () => (await statuses()).every((status) => status === 200);
  await until('it is fetched anew', isServed, 60_000);
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  assert.equal(upstream.count({ method: 'GET', digest: layer.digest, status: 200 }), 2);
});
