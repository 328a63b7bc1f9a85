// Tests purges with an index that lost data. It cannot list other references, so nothing is purged that they may need.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createTestIndex } from '@cistern/index/testing';
import { isCacheError } from '@cistern/errors';
import { createLogger } from '@cistern/telemetry';
import { rebuildIndex } from '../rebuild/rebuild-index.ts';
import { addImage, type TestImage } from '@cistern/upstream/testing';
import { nameOf, startPurgedCache } from '../testing/start-purged-cache.ts';
import { until } from '@cistern/runtime/testing';
import { purge } from './purge.ts';

const log = createLogger({ level: 'error', formatter: 'json' });
const isRefused = (error: unknown) => isCacheError(error, 'overloaded') && error.retryable;

/** `isComplete` decides whether the index reports that it is complete. */
async function start(t: TestContext, isComplete: () => boolean) {
  const started = await startPurgedCache(t);
  const { index, store, clock } = started;
  const now = () => clock.nowMs;
  const doubtful = (known = index) => ({ ...known, epoch: { ...known.epoch, isComplete: async () => isComplete() } });
  return {
    ...started,
    deps: { index: doubtful(), store, adoptAs: () => undefined, now },
    emptyIndex: () => doubtful(createTestIndex({ now })),
  };
}

test('a purge with a lost index removes nothing before the rebuild, and only unreferenced content after it', async (t) => {
  let isComplete = false;
  const { pullShared, deps, emptyIndex, stored } = await start(t, () => isComplete);
  const { image, sibling, foreign } = await pullShared();
  const lost = { ...deps, index: emptyIndex() };
  const purging = purge(lost, { image: nameOf(image) });
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.ok((await stored([image, sibling, foreign].flatMap(({ digests }) => digests))).every(Boolean));
  await until(async () => (await rebuildIndex({ ...lost, log })) !== undefined);
  isComplete = true;
  assert.deepEqual(await purging, { purged: { tags: 1, manifests: 1, blobs: 2 } });
  assert.deepEqual(await stored(image.digests), [false, false, true, true, false]);
  assert.ok((await stored([...sibling.digests, ...foreign.digests])).every(Boolean));
});

test('a purge is rejected if the index is not rebuilt soon', async (t) => {
  const { pull, hub, deps, stored } = await start(t, () => false);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  await pull(image);
  const purging = purge(deps, { image: nameOf(image) });
  const late = performance.now() + 20_000;
  t.mock.method(performance, 'now', () => late);
  await assert.rejects(purging, isRefused);
  assert.deepEqual(await stored(image.digests), [true, true, true]);
});

test('a purge removes no bytes if the index loses its data meanwhile', async (t) => {
  for (const targetOf of [
    (image: TestImage) => ({ image: nameOf(image) }),
    (image: TestImage) => ({ digest: image.manifest }),
    () => ({ upstream: 'docker.io' }),
  ]) {
    const answers = [true, false];
    const { pull, hub, deps, stored } = await start(t, () => answers.shift() ?? false);
    const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
    await pull(image);
    await assert.rejects(purge(deps, targetOf(image)), isRefused);
    assert.deepEqual(await stored(image.digests), [true, true, true]);
  }
});
