// A cluster that denies images for windows: at every frontend, by tag and by digest, cold and cached. The rule covers
// manifests and the blobs that only they name. The index itself is served as the upstream sent it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { digestOf } from '@cistern/oci';
import { openClusterRig } from '../src/open-cluster-rig.ts';

const reason = 'there are no such machines here';
const access = { rules: [{ action: 'deny', platforms: ['windows/*'], reason }] };
const { upstream, cluster, nodes } = await openClusterRig({ after }, { cluster: { frontends: 2, config: { access } } });
const shared = { size: 40_000, seed: 'both have it' };
const [linux, windows] = ['linux', 'windows'].map((os) =>
  upstream.addImage('library/app', {
    seed: os,
    platform: { os, architecture: 'amd64' },
    layers: [{ size: 50_000, seed: os }, shared],
  }),
);
const index = upstream.addIndex('library/app', { tag: 'latest', images: [linux!, windows!] });

const get = (frontend: number, path: string) =>
  sendRequest(`${cluster.frontends[frontend]!.url}/v2/library/app/${path}`);

async function statusesOf({ digest, config, layers }: NonNullable<typeof linux>): Promise<number[]> {
  const paths = [`manifests/${digest}`, ...[config, ...layers].map((blob) => `blobs/${blob.digest}`)];
  const statuses: number[] = [];
  for (const path of paths) for (const frontend of [0, 1]) statuses.push((await get(frontend, path)).status);
  return statuses;
}

test('an image for windows is rejected, and one for linux is served with the shared layer', async () => {
  for (const frontend of [0, 1]) {
    const { status, body } = await get(frontend, 'manifests/latest');
    assert.deepEqual([status, digestOf(body)], [200, index.digest]);
  }
  const refused = await get(0, `manifests/${windows!.digest}`);
  assert.equal(refused.status, 403);
  assert.match(refused.body.toString(), new RegExp(reason));
  assert.equal(upstream.count({ digest: windows!.digest }), 0, 'nothing is fetched for it');
  assert.deepEqual(new Set(await statusesOf(linux!)), new Set([200]));
  const [config, own, both] = [windows!.config, ...windows!.layers].map(({ digest }) => `blobs/${digest}`);
  assert.equal((await get(1, both!)).status, 200);
  // Content that no cached manifest names has no platform, so a client that knows the digest gets it.
  assert.deepEqual([(await get(1, config!)).status, (await get(0, own!)).status], [200, 200]);
  const denied = /rule 1 denies docker\.io\/library\/app of windows\/amd64/;
  await until('the log contains the reason', () => nodes.some(({ log }) => log().some((line) => denied.test(line))));
});
