// A client that forces a revalidation gets a confirmation that is newer than its request. Many such clients at the same time
// cost at most two HEADs, one after the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repositoryOf } from '@cistern/index/testing';
import { digestOf, mediaTypes, parseReference } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import type { ScriptedUpstream } from '@cistern/upstream/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const latest = { ...library, reference: parseReference('latest') };

function push(hub: ScriptedUpstream, version: number) {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(Buffer.from('')), size: 0 };
  const annotations = { version: `${version}` };
  const bytes = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [],
    annotations,
  });
  return hub.addManifest(library.repository, 'latest', Buffer.from(bytes), mediaTypes.ociManifest);
}

/**
 * Holds the responses to HEADs of manifests until `resolve` is called. Each response has the content from the time of its
 * request.
 */
function holdHeads(hub: ScriptedUpstream) {
  const held: PromiseWithResolvers<void>[] = [];
  hub.script.onHeadAnswered = () => {
    const hold = Promise.withResolvers<void>();
    held.push(hold);
    return hold.promise;
  };
  return held;
}

for (const insisting of [{ forceRevalidation: true }, { maxAgeMs: 0 }]) {
  const how = Object.keys(insisting).join('');

  test(`${how}: a request after a push does not use the response to a HEAD from before the push`, async (t) => {
    const { cache, hub, close } = await startTestCache();
    t.after(close);
    push(hub, 1);
    await cache.openManifest(latest);
    const heads = holdHeads(hub);
    const early = cache.statManifest({ ...latest, ...insisting });
    await until(() => heads.length === 1);
    const moved = push(hub, 2);
    const late = Array.from({ length: 50 }, () => cache.openManifest({ ...latest, ...insisting }));
    heads[0]!.resolve();
    await early;
    await until(() => heads.length === 2);
    heads[1]!.resolve();
    for (const { digest, cache: result } of await Promise.all(late)) {
      assert.equal(digest, moved);
      assert.notEqual(result, 'REVALIDATED');
    }
    assert.equal(heads.length, 2, 'the late requests share one HEAD');
  });

  test(`${how}: requests on other nodes do not use such a response either, and share a waiting job`, async (t) => {
    const { frontends, hub, queue } = await startTestCluster(t, { frontends: 3 });
    push(hub, 1);
    const stat = (node: number) => frontends[node % 3]!.cache.statManifest({ ...latest, ...insisting });
    await frontends[0]!.cache.openManifest(latest);
    for (const { cache } of frontends) await cache.openManifest(latest);
    const heads = holdHeads(hub);
    queue.route = () => undefined;
    const waiting = [stat(0), stat(1), stat(2), stat(0)];
    await until(() => queue.added.filter(({ name }) => name === 'revalidate-tag').length === 2);
    queue.route = () => 'any';
    queue.dispatch();
    await until(() => heads.length === 1);
    const moved = push(hub, 2);
    const late = Array.from({ length: 30 }, (_, node) => stat(node));
    // Waits until each request has found the running job.
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    heads[0]!.resolve();
    await Promise.all(waiting);
    await until(() => heads.length === 2);
    heads[1]!.resolve();
    for (const { digest } of await Promise.all(late)) assert.equal(digest, moved);
    assert.equal(heads.length, 2);
  });
}
