import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CacheIndex } from '@cistern/index';
import { pinImage } from '@cistern/content';
import { addImage } from '@cistern/upstream/testing';
import { nameOf, startPurgedCache } from '../testing/start-purged-cache.ts';
import { planPurge } from './plan-purge.ts';
import { purge, type PurgeTarget } from './purge.ts';

async function start(t: TestContext) {
  const started = await startPurgedCache(t);
  const now = () => started.clock.nowMs;
  /** Returns the names of the tags, and the last item of the plan. */
  async function plan(target: PurgeTarget, index: CacheIndex = started.index) {
    const items = await Array.fromAsync(planPurge({ ...started, index, now }, target, new AbortController().signal));
    return { tags: items.flatMap((item) => ('tag' in item ? [item.tag.tag] : [])), last: items.at(-1) };
  }
  return { ...started, plan, purge: (target: PurgeTarget) => purge({ ...started, now }, target) };
}

test('a plan has the numbers of the purge that follows, for each kind of target, and removes nothing', async (t) => {
  const { plan, purge: purgeIt, pullShared, stored, index } = await start(t);
  const { image, sibling, foreign } = await pullShared();
  const before = await index.blobs.totals();
  const targets: readonly (readonly [PurgeTarget, readonly string[]])[] = [
    [{ image: nameOf(image) }, ['one']],
    [{ digest: sibling.digests[0]! }, ['two']],
    [{ upstream: 'quay.io' }, ['one']],
  ];
  for (const [target] of targets) await plan(target);
  assert.deepEqual(await index.blobs.totals(), before);
  assert.ok(!(await stored([...image.digests, ...sibling.digests, ...foreign.digests])).includes(false));
  for (const [target, tags] of targets) {
    const planned = await plan(target);
    const { bytes } = await index.blobs.totals();
    const result = await purgeIt(target);
    const removedBytes = bytes - (await index.blobs.totals()).bytes;
    assert.ok('purged' in result && removedBytes > 0);
    assert.deepEqual(planned, { tags, last: { total: { ...result.purged, bytes: removedBytes } } });
  }
});

test('a plan counts a layer once that several repositories of the upstream share', async (t) => {
  const { plan, pull, hub } = await start(t);
  const layers = [1, 2];
  for (const repository of ['library/a', 'library/b']) await pull(addImage(hub, { repository, tag: 'one', layers }));
  const { tags, last } = await plan({ upstream: 'docker.io' });
  assert.deepEqual(tags, ['one', 'one']);
  // Two layers, and the configuration of each image.
  assert.partialDeepStrictEqual(last, { total: { tags: 2, manifests: 2, blobs: 4 } });
});

test('a plan of pinned or absent content names the pins, or has no numbers', async (t) => {
  const { plan, pull, hub, store } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  const digest = await pull(image);
  await pinImage(store, nameOf(image));
  for (const target of [{ image: nameOf(image) }, { digest }, { upstream: 'docker.io' }])
    assert.deepEqual(await plan(target), { tags: [], last: { pinnedBy: [nameOf(image)] } });
  assert.deepEqual(await plan({ upstream: 'quay.io' }), {
    tags: [],
    last: { total: { tags: 0, manifests: 0, blobs: 0, bytes: 0 } },
  });
});

test('there is no plan while the index is incomplete', async (t) => {
  const { plan, index } = await start(t);
  const incomplete = { ...index, epoch: { ...index.epoch, isComplete: async () => false } };
  await assert.rejects(plan({ upstream: 'docker.io' }, incomplete), { kind: 'overloaded' });
});
