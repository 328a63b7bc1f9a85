// Checks outages of the store. Cold pulls are refused before the upstream is called, running fills continue, and no
// wrong or short content is served. After the outage everything is pulled and committed.
// real-time: an outage lasts for a time, and clients pause between pulls
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Owner } from '@cistern/single-node/open-stage';
import { beginDownload } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { type AddedImage, createGate } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import type { S3 } from '@cistern/test-servers';
import { type ClusterRig, openClusterRig } from './open-cluster-rig.ts';
import { openIndex } from './open-index.ts';
import { pullContinuously } from './pull-continuously.ts';
import { pullImage, type Pulled, tryPull } from './pull.ts';
import { unexpectedErrors } from './unexpected-errors.ts';
import { viewBucket } from './view-bucket.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/app';
const recoveredWithinMs = 90_000;
const slowest = (pulls: readonly Pulled[]) => Math.round(Math.max(0, ...pulls.map(({ slowestMs }) => slowestMs)));
const statuses = (pulls: readonly Pulled[]) =>
  [...new Set(pulls.map(({ status }) => String(status)))].toSorted().join(' and ');

export interface StoreOutageRig extends ClusterRig {
  /** Runs one outage. Returns a sentence that describes it. */
  survive(outage: {
    readonly ms: number;
    readonly begin: (s3: S3) => Promise<void> | void;
    readonly restore: (s3: S3) => Promise<void> | void;
  }): Promise<string>;
}

export async function openStoreOutageRig(owner: Owner): Promise<StoreOutageRig> {
  const rig = await openClusterRig(owner);
  const { upstream, cluster, nodes, urlOf } = rig;
  const index = await openIndex(owner, cluster);
  const bucket = viewBucket(cluster);
  const [first, second, third] = cluster.frontends;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  let outages = 0;

  const addImage = (tag: string) =>
    upstream.addImage(repository, {
      tag,
      seed: tag,
      layers: [200_000, 2 * mebibyte].map((size) => ({ size, seed: `${tag} ${size}` })),
    });

  /** Pulls whole new images, one after another at each frontend. */
  async function pullCold(of: string, untilMs: number) {
    const pulls: (Pulled & { readonly image: AddedImage; readonly tag: string })[] = [];
    await Promise.all(
      [...cluster.frontends, cluster].map(async (at, position) => {
        for (let round = 0; performance.now() < untilMs; round += 1) {
          const tag = `cold-${of}-${position}-${round}`;
          const image = addImage(tag);
          pulls.push({ ...(await tryPull({ at, image, tag })), image, tag });
          await delay(200);
        }
      }),
    );
    return pulls;
  }

  async function assertCommitted(
    images: readonly { readonly image: AddedImage; readonly tag: string }[],
  ): Promise<void> {
    const wanted = images.flatMap(({ image, tag }) => [
      ...[image, image.config, ...image.layers].map(({ digest }) => `${digest.slice('sha256:'.length)}/data`),
      `cistern/links/docker.io/${repository}/${image.digest}.json`,
      `cistern/tags/docker.io/${repository}/_tags/${tag}.json`,
    ]);
    let missing = wanted;
    const check = async () => {
      const keys = await bucket.keys();
      missing = wanted.filter((end) => !keys.some((key) => key.endsWith(end)));
      return missing.length === 0;
    };
    await until('all content is committed', check, recoveredWithinMs).catch((error: unknown) => {
      throw new Error(`not in the bucket: ${missing.slice(0, 5).join(', ')}`, { cause: error });
    });
    const stored = (await bucket.keys()).filter((key) => key.endsWith('/data')).length;
    await until(
      'all content is accounted for',
      async () => (await index.blobs.totals()).blobs === stored,
      recoveredWithinMs,
    );
  }

  async function survive({ ms, begin, restore }: Parameters<StoreOutageRig['survive']>[0]) {
    const of = String((outages += 1));
    const warmTags = ['a', 'b'].map((name) => `warm-${of}-${name}`);
    const warmImages = warmTags.map(addImage);
    // The third frontend has never seen these images.
    for (const [position, image] of warmImages.entries())
      for (const at of [first!, second!]) await pullImage({ at, image, tag: warmTags[position]! });
    const large = upstream.addBlob(repository, { size: 48 * mebibyte, seed: `large ${of}` });
    assert.equal(
      digestOf((await (await beginDownload(urlOf(`${repository}/blobs/${large.digest}`))).ended).body),
      large.digest,
    );
    await until('the large blob is stored', () => bucket.has(large.digest), recoveredWithinMs);
    // A fill that has just ended reports that the store has the blob.
    await until(
      'its fill record is gone',
      async () => (await index.fills.read(large.digest)) === undefined,
      recoveredWithinMs,
    );

    const gate = createGate();
    const filling = upstream.addBlob(repository, { size: 24 * mebibyte, seed: `filling ${of}` });
    upstream.addFault({ digest: filling.digest, method: 'GET' }, { gate });
    gate.allow(12 * mebibyte);
    const readers = await Promise.all(
      [first!, third!].map((at) => beginDownload(urlOf(`${repository}/blobs/${filling.digest}`, at))),
    );
    for (const reader of readers) await reader.untilReceived(11 * mebibyte);
    const halfway = await Promise.all(
      cluster.frontends.map((at) => beginDownload(urlOf(`${repository}/blobs/${large.digest}`, at))),
    );

    await begin(cluster.s3);
    const untilMs = performance.now() + ms;
    const warm = pullContinuously({
      clients: 6,
      at: [...cluster.frontends, cluster],
      images: warmImages,
      tagOf: (image) => warmTags[warmImages.indexOf(image)]!,
      pauseMs: 200,
    });
    const cold = await pullCold(of, untilMs);
    gate.release();
    for (const reader of readers) {
      const { status, body } = await reader.ended;
      assert.equal(status, 200);
      assert.equal(digestOf(body), filling.digest);
    }
    const during = [...warm.pulled];
    await restore(cluster.s3);
    const recovering = warm.pulled.length;
    await until(
      'warm pulls are served again',
      () => warm.pulled.slice(recovering).filter(({ status }) => status === 200).length >= 4 * cluster.frontends.length,
      recoveredWithinMs,
    );
    await warm.stop();
    for (const download of halfway)
      assert.equal(digestOf((await download.ended).body), large.digest, 'a read that was halfway through');

    assert.equal(statuses(cold), '503', 'cold pulls');
    for (const { image } of cold) assert.equal(upstream.count({ digest: image.digest, method: 'GET' }), 0);
    assert.match(statuses(during), /^(?:200|503|200 and 503)$/, 'warm pulls');
    assert.equal(upstream.count({ digest: filling.digest, method: 'GET' }), 1);
    for (const at of cluster.frontends) for (const { image, tag } of cold) await pullImage({ at, image, tag });
    await assertCommitted(cold);
    await until('the fill is committed', () => bucket.has(filling.digest), recoveredWithinMs);
    for (const node of nodes) assert.ok(node.isRunning(), node.name);
    assert.deepEqual(unexpectedErrors(nodes), []);
    return `${cold.length} cold pulls, the slowest request took ${slowest(cold)} ms; warm: ${during.length} ${statuses(during)}, ${slowest(during)} ms`;
  }

  return { ...rig, survive };
}
