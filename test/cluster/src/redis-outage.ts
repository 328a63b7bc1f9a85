// Checks outages of Redis of several kinds. Warm pulls and running fills continue, cold pulls are refused meanwhile,
// and everything recovers automatically.
// real-time: an outage lasts for a time, and clients pause between requests
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Owner } from '@cistern/single-node/open-stage';
import { beginDownload, sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { createGate } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import { commandTimeoutMs, type Redis } from '@cistern/test-servers';
import { openClusterRig } from './open-cluster-rig.ts';
import { openIndex } from './open-index.ts';
import { pullContinuously } from './pull-continuously.ts';
import { pullImage, tryPull } from './pull.ts';
import { unexpectedErrors } from './unexpected-errors.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/app';
const recoveredWithinMs = 60_000;
const tags = ['1', '2'];

interface RedisOutage {
  readonly ms: number;
  readonly begin: (redis: Redis) => Promise<void> | void;
  readonly restore: (redis: Redis) => Promise<void> | void;
}

/** Runs outages of this length, one after another, on one cluster that `owner` ends. */
export async function describeRedisOutages(owner: Owner, ms: number): Promise<void> {
  const survive = await openOutageRig(owner);
  test('a cluster survives a hanging Redis', async (t) => {
    await survive(t, { ms, begin: (redis) => redis.freeze(), restore: (redis) => redis.thaw() });
  });
  test('a cluster survives a killed Redis that restarts with its data', async (t) => {
    await survive(t, { ms, begin: (redis) => redis.kill(), restore: (redis) => redis.start() });
  });
  test('a cluster survives a killed Redis that restarts without data', async (t) => {
    await survive(t, {
      ms,
      begin: (redis) => redis.flushAll().then(() => redis.kill()),
      restore: (redis) => redis.start(),
    });
  });
}

async function openOutageRig(owner: Owner): Promise<(t: TestContext, outage: RedisOutage) => Promise<void>> {
  // Tags are due after a second, so warm pulls by tag need a worker all the time.
  const config = {
    redis: { commandtimeout: `${commandTimeoutMs.hanging}ms` },
    upstreams: { 'docker.io': { ttl: '1s' } },
  };
  const { upstream, cluster, nodes, urlOf } = await openClusterRig(owner, { cluster: { config } });
  const index = await openIndex(owner, cluster);
  const [first, second, third] = cluster.frontends;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  let outages = 0;

  const coldPaths = (of: string) => {
    const image = upstream.addImage(repository, { tag: `cold-${of}`, seed: `cold ${of}` });
    return [`manifests/cold-${of}`, `manifests/${image.digest}`, `blobs/${image.layers[0]!.digest}`];
  };

  /** Sends cold requests to each frontend, one after another until stopped, and records their statuses and times. */
  function requestCold(of: string) {
    const answers: { readonly path: string; readonly status: number; readonly ms: number }[] = [];
    let isStopped = false;
    const client = async (at: { readonly url: string }, path: string) => {
      while (!isStopped) {
        const sentAtMs = performance.now();
        const { status } = await sendRequest(urlOf(`${repository}/${path}`, at));
        answers.push({ path, status, ms: performance.now() - sentAtMs });
        await delay(100);
      }
    };
    const running = Promise.all(cluster.frontends.flatMap((at) => coldPaths(of).map((path) => client(at, path))));
    return {
      answers,
      async stop() {
        isStopped = true;
        await running;
      },
    };
  }

  return async function survive(t, { ms, begin, restore }) {
    const of = String((outages += 1));
    // The third frontend has never seen these images.
    const images = tags.map((tag) =>
      upstream.addImage(repository, {
        tag: `${of}.${tag}`,
        seed: `${of}.${tag}`,
        layers: [{ size: mebibyte, seed: of + tag }],
      }),
    );
    const tagOf = (image: (typeof images)[number]) => `${of}.${tags[images.indexOf(image)]}`;
    for (const image of images) for (const at of [first, second]) await pullImage({ at, image, tag: tagOf(image) });
    await until('the index is complete', () => index.epoch.isComplete(), recoveredWithinMs);

    const gate = createGate();
    const filling = upstream.addBlob(repository, { size: 24 * mebibyte, seed: `filling ${of}` });
    upstream.addFault({ digest: filling.digest, method: 'GET' }, { gate });
    gate.allow(4 * mebibyte);
    const downloads = await Promise.all(
      [first, third].map((at) => beginDownload(urlOf(`${repository}/blobs/${filling.digest}`, at))),
    );
    for (const download of downloads) await download.untilReceived(2 * mebibyte);

    await begin(cluster.redis);
    const beganAtMs = performance.now();
    // This comes before the third frontend learns of their manifests. In the last outage it may have scanned the store
    // before they existed.
    for (const { digest } of images.map((image) => image.config)) {
      const answer = await sendRequest(urlOf(`${repository}/blobs/${digest}`, third));
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal(digestOf(answer.body), digest);
    }
    const warm = pullContinuously({ clients: 8, at: [...cluster.frontends, cluster], images, tagOf });
    const cold = requestCold(of);
    await delay(ms / 2);
    gate.allow(8 * mebibyte);
    for (const download of downloads) await download.untilReceived(10 * mebibyte);
    await delay(Math.max(0, ms - (performance.now() - beganAtMs) - 500));
    const [warmDuring, coldDuring] = [warm.pulled.length, cold.answers.length];
    await restore(cluster.redis);
    gate.release();
    for (const download of downloads) {
      const answer = await download.ended;
      assert.equal(download.status, 200);
      assert.equal(digestOf(answer.body), filling.digest);
    }
    assert.equal(upstream.count({ digest: filling.digest, method: 'GET' }), 1);
    const recovered = cold.answers.length;
    await until(
      'cold requests succeed',
      () =>
        new Set(cold.answers.slice(recovered).flatMap(({ path, status }) => (status === 200 ? [path] : []))).size === 3,
      recoveredWithinMs,
    );
    await Promise.all([warm.stop(), cold.stop()]);

    assert.ok(warmDuring > 0, 'warm pulls continued');
    assert.deepEqual(
      warm.pulled.flatMap(({ refusal }) => refusal ?? []),
      [],
      'warm pulls',
    );
    const refused = cold.answers.slice(0, coldDuring);
    assert.ok(refused.length > 0);
    assert.deepEqual([...new Set(refused.map(({ status }) => status))], [503], 'cold requests');
    const slowest = Math.max(...refused.map((answer) => answer.ms));
    t.diagnostic(`the slowest refusal of a cold request took ${Math.round(slowest)} ms`);

    for (const at of cluster.frontends) {
      const image = upstream.addImage(repository, { tag: `after-${of}-${at.name}`, seed: `after ${of} ${at.name}` });
      await until(
        'a frontend pulls again',
        async () => (await tryPull({ at, image, tag: `after-${of}-${at.name}` })).status === 200,
        recoveredWithinMs,
      );
    }
    await until('the index is complete', () => index.epoch.isComplete(), recoveredWithinMs);
    await until(
      'the fill is in the index',
      async () => (await index.blobs.get(filling.digest)) !== undefined,
      recoveredWithinMs,
    );
    for (const image of images) assert.equal((await index.blobs.get(image.digest))?.size, image.size);
    for (const node of nodes) {
      assert.ok(node.isRunning(), node.name);
      await until(
        `${node.name} is ready`,
        async () => (await fetch(`${node.metricsUrl}/readyz`)).status === 200,
        recoveredWithinMs,
      );
    }
    assert.deepEqual(unexpectedErrors(nodes), []);
  };
}
