// Checks a fail-over of a cluster's Redis: the server dies and another takes over. Clients of running fills and warm
// pulls notice nothing, and cold pulls work again soon.
import assert from 'node:assert/strict';
import type { Owner } from '@cistern/single-node/open-stage';
import { beginDownload } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { createGate } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import { openClusterRig } from './open-cluster-rig.ts';
import { pullContinuously } from './pull-continuously.ts';
import { pullImage, tryPull } from './pull.ts';
import { unexpectedErrors } from './unexpected-errors.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/app';
const recoveredWithinMs = 60_000;
/** Enough blobs that their digests are in all parts of a Redis Cluster. */
const blobsInFlight = 6;

export interface FailOver {
  /** The `redis` section of the configuration. */
  readonly redis: Readonly<Record<string, unknown>>;
  /** Kills a master and resolves when another has taken over. */
  readonly failOver: () => Promise<void>;
}

export async function surviveFailOver(owner: Owner, { redis, failOver }: FailOver): Promise<void> {
  const { upstream, cluster, nodes, urlOf } = await openClusterRig(owner, { cluster: { config: { redis } } });
  const images = [1, 2, 3].map((number) =>
    upstream.addImage(repository, { tag: `v${number}`, seed: number, layers: [{ size: mebibyte, seed: number }] }),
  );
  const tagOf = (image: (typeof images)[number]) => `v${images.indexOf(image) + 1}`;
  for (const image of images) for (const at of cluster.frontends) await pullImage({ at, image, tag: tagOf(image) });

  const gates = Array.from({ length: blobsInFlight }, createGate);
  const blobs = gates.map((gate, seed) => {
    gate.allow(2 * mebibyte);
    const { digest } = upstream.addBlob(repository, { size: 8 * mebibyte, seed: `in flight ${seed}` });
    upstream.addFault({ digest, method: 'GET' }, { gate });
    return digest;
  });
  const downloads = await Promise.all(
    blobs.map((digest, number) =>
      beginDownload(urlOf(`${repository}/blobs/${digest}`, cluster.frontends[number % cluster.frontends.length])),
    ),
  );
  const warm = pullContinuously({ clients: 6, at: [...cluster.frontends, cluster], images, tagOf });

  await failOver();
  for (const gate of gates) gate.release();
  for (const [number, download] of downloads.entries())
    assert.equal(digestOf((await download.ended).body), blobs[number]);
  for (const digest of blobs) assert.equal(upstream.count({ method: 'GET', digest }), 1);
  for (const at of cluster.frontends) {
    const tag = `after-${at.name}`;
    const image = upstream.addImage(repository, { tag, seed: tag });
    const isPulled = async () => (await tryPull({ at, image, tag })).status === 200;
    await until(`${at.name} pulls a cold image`, isPulled, recoveredWithinMs);
  }
  await warm.stop();
  assert.deepEqual([...new Set(warm.pulled.map(({ status }) => status))], [200]);
  for (const node of nodes) assert.ok(node.isRunning(), node.name);
  assert.deepEqual(unexpectedErrors(nodes), []);
}
