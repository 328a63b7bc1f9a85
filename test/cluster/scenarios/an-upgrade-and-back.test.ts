// Replaces the last published release by the one that `npm run release` makes of these sources, and goes back, while
// clients pull. Each node restarts twice.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openDirectory, openProcess, openUpstream } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import type { AddedImage, FakeUpstream } from '@cistern/fake-upstream';
import { type ClusterNode, startAdminNode } from '@cistern/test-servers';
import { assertAllRight } from '../src/assert-all-right.ts';
import { loggedAt } from '../src/logged-at.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { openReleases } from '../src/open-releases.ts';
import { pullImage } from '../src/pull.ts';
import { startClientLoad } from '../src/start-client-load.ts';
import { type Halfway, oneConnection, startHalfway } from '../src/start-halfway.ts';
import { startSteadyLoad } from '../src/start-steady-load.ts';

const pullsOfOneRelease = 20;
/** Without a pause the clients would slow down the nodes that start, and this test would take twice as long. */
const pauseMs = 500;
const { published, next } = await openReleases({ after });

/** The digests of blobs that the upstream sent from their beginning more than once. A part of a blob is a 206. */
function fetchedTwice(upstream: FakeUpstream): (string | undefined)[] {
  const gets = Map.groupBy(upstream.requests({ method: 'GET', endpoint: 'blob', status: 200 }), ({ digest }) => digest);
  return [...gets].filter(([, requests]) => requests.length > 1).map(([digest]) => digest);
}

test('no pull fails while every node is upgraded and rolled back, and no blob is fetched twice', async (t) => {
  const rig = await openClusterRig(t, {
    cluster: {
      product: published,
      frontends: 2,
      // Tags are confirmed every second, so warm pulls need workers too.
      config: { upstreams: { 'docker.io': { ...oneConnection['docker.io'], ttl: '1s' } } },
      // Transfers need this time on a busy machine. Workers would wait for a part of it before they hand over.
      prefix: { frontend: ['env', 'REGISTRY_HTTP_DRAINTIMEOUT=60s'] },
    },
  });
  const { cluster, nodes, upstream } = rig;
  const admin = await startAdminNode(cluster, published);
  t.after(() => admin.stop());
  const skopeo = await startClientLoad(rig, ['skopeo']);
  t.after(() => skopeo.stop());
  const load = await startSteadyLoad(rig, pauseMs);
  t.after(() => load.stop());
  let [blobs, restarts] = [0, 0];

  async function stop(node: ClusterNode): Promise<void> {
    assert.deepEqual(await node.stop(), { code: 0, signal: null }, node.name);
    restarts += 1;
  }

  /** Four clients have half of a blob, and the upstream holds back the other half. */
  const startBlob = () => startHalfway(t, rig, { seed: (blobs += 1), size: 20_000_000, clients: 4 });

  async function completes({ herd, plan, digest, sentByUpstream }: Halfway, requests: number): Promise<void> {
    assertAllRight(await herd.ended(), plan);
    assert.equal(upstream.count({ method: 'GET', digest }), requests);
    assert.ok(sentByUpstream() < 1.1, `the upstream has sent ${sentByUpstream()} times the blob`);
  }

  async function replaceWorkers(product: string): Promise<void> {
    const [first, second] = cluster.workers as [ClusterNode, ClusterNode];
    await stop(first);
    // Only the second worker can fetch this blob. It cannot finish, so it hands the blob over to the other release.
    const blob = await startBlob();
    await first.start(product);
    await stop(second);
    await completes(blob, 2);
    blob.gate.release();
    await second.start(product);
  }

  async function replaceFrontend(frontend: ClusterNode, product: string): Promise<void> {
    const isIn = (state: RegExp) => async () =>
      state.test((await cluster.haproxy.frontendStates())[cluster.frontends.indexOf(frontend)] ?? '');
    const blob = await startBlob();
    const stopped = stop(frontend);
    await until(`haproxy no longer uses ${frontend.name}`, isIn(/^DOWN/));
    blob.gate.release();
    await completes(blob, 1);
    await stopped;
    await frontend.start(product);
    await until(`haproxy uses ${frontend.name} again`, isIn(/^UP$/));
  }

  // docs/cluster.md recommends this order.
  for (const product of [next, published]) {
    await replaceWorkers(product);
    for (const frontend of cluster.frontends) await replaceFrontend(frontend, product);
    await stop(admin);
    await admin.start(product);
    const pulls = load.pulls();
    await until('clients have pulled from one release', () => load.pulls() >= pulls + pullsOfOneRelease);
  }

  const [checked, copied] = [await load.stop(), await skopeo.stop()];
  const failures = [...checked.failures, ...copied.failures];
  t.diagnostic(
    `${checked.pulls} pulls by the test client, ${copied.pulls['skopeo']} by skopeo, ${blobs} large blobs by 4 clients each; ` +
      `${restarts} restarts, ${failures.length} failures`,
  );
  assert.deepEqual(failures, []);
  assert.deepEqual(fetchedTwice(upstream), []);
  assert.deepEqual([...loggedAt('error', [...nodes, admin]), ...loggedAt('fatal', [...nodes, admin])], []);
});

test('a single process serves what the other release has stored, and no blob is fetched twice', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const config = {
    log: { formatter: 'json', accesslog: { disabled: true } },
    upstreams: { 'docker.io': { url: upstream.url, default: true } },
  };
  const images = new Map<string, AddedImage>();
  for (const product of [published, next, published]) {
    const cache = await openProcess(t, { config, rootDirectory, product });
    const name = `v${images.size + 1}`;
    images.set(name, upstream.addImage('library/app', { tag: name, seed: name }));
    for (const [tag, image] of images) await pullImage({ at: cache, image, tag });
    // An index that a release cannot use is a warning.
    const log = (['warn', 'error', 'fatal'] as const).flatMap((level) => loggedAt(level, [{ name, log: cache.log }]));
    assert.deepEqual(log, []);
    assert.deepEqual(await cache.stop(), { code: 0, signal: null });
  }
  assert.deepEqual(fetchedTwice(upstream), []);
  assert.equal(upstream.count({ method: 'GET', endpoint: 'manifest' }), images.size);
});
