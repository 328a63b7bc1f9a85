// Tests eviction by age, and the plan of an eviction.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { addImage } from '@cistern/upstream/testing';
import { until } from '@cistern/runtime/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startFullCache } from '../testing/start-full-cache.ts';
import { collect } from '@cistern/oci/testing';
import { deleteBlob, pinImage } from '@cistern/content';

const hourMs = 3_600_000;
const noLimits = { highBytes: Infinity, lowBytes: Infinity };
const all = [true, true, true];
const none = [false, false, false];

test('a blob that was not pulled within the maximum age of its upstream is evicted, and a recently pulled one stays', async (t) => {
  const { addImage: add, pull, check, here, clock, age, recount, metrics } = await startFullCache(t, noLimits);
  const [old, wanted] = [add('image/old', 'latest', [1]), add('image/wanted', 'latest', [2])];
  await pull(old);
  await pull(wanted);
  clock.nowMs += 10 * hourMs;
  // Clients that have the layers request only the manifest.
  await check(wanted);
  await age({});
  await age({ 'quay.io': hourMs });
  await age({ 'docker.io': 11 * hourMs });
  assert.deepEqual(await here(old.digests), all);
  await age({ 'docker.io': 9 * hourMs });
  assert.deepEqual(await here(old.digests), none);
  assert.deepEqual(await here(wanted.digests), all);
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
  assert.match(await metrics.registry.metrics(), /cistern_evictions_total\{reason="age"\} 3/);
});

test('a layer shared with an upstream of a longer maximum age stays until no image there needs it', async (t) => {
  const started = await startFullCache(t, noLimits);
  const { addImage: add, pull, here, clock, age, quay, cache, hub } = started;
  const mine = add('image/mine', 'latest', [1, 9]);
  const theirs = addImage(quay, { repository: 'image/theirs', tag: 'latest', layers: [9] });
  await pull(mine);
  const key = repositoryOf('quay.io', theirs.repository);
  await cache.openManifest({ ...key, reference: { kind: 'tag', tag: theirs.tag } });
  const read = async (digest: (typeof theirs.blobs)[number]) =>
    collect(await (await cache.openBlob({ ...key, digest, intent: 'whole' })).read());
  for (const digest of theirs.blobs) await read(digest);
  await until(() => started.fills.size === 0);
  clock.nowMs += 10 * hourMs;
  const shared = theirs.blobs[1]!;
  await age({ 'docker.io': hourMs });
  assert.deepEqual(await here(mine.digests), [false, false, false, true]);
  await age({ 'docker.io': hourMs, 'quay.io': 20 * hourMs });
  assert.deepEqual(await here(theirs.digests), all);
  const gets = [...hub.gets, ...quay.gets].length;
  assert.ok((await read(shared)).length > 0);
  assert.equal([...hub.gets, ...quay.gets].length, gets);
  clock.nowMs += 21 * hourMs;
  await age({ 'docker.io': hourMs, 'quay.io': 20 * hourMs });
  assert.deepEqual(await here(theirs.digests), none);
});

test('an evicted image does not protect its layers', async (t) => {
  const { addImage: add, pull, here, clock, age, quay, cache, store, index } = await startFullCache(t, noLimits);
  const mine = add('image/mine', 'latest', [9]);
  const theirs = addImage(quay, { repository: 'image/theirs', tag: 'latest', layers: [9] });
  await pull(mine);
  await cache.openManifest({
    ...repositoryOf('quay.io', theirs.repository),
    reference: { kind: 'tag', tag: theirs.tag },
  });
  await deleteBlob({ index, store }, theirs.manifest);
  clock.nowMs += 10 * hourMs;
  await age({ 'docker.io': hourMs });
  assert.deepEqual(await here(mine.digests), none);
});

test('age never evicts a blob that is pinned, was just pulled, or belongs to no repository', async (t) => {
  const { addImage: add, pull, pullBlob, here, clock, age, store, index } = await startFullCache(t, noLimits);
  const [pinned, late] = [add('image/pinned', 'latest', [1]), add('image/late', 'latest', [2])];
  await pull(pinned);
  await pull(late);
  const reference = { kind: 'tag', tag: pinned.tag } as const;
  await pinImage(store, { upstream: 'docker.io', repository: parseRepositoryName(pinned.repository), reference });
  clock.nowMs += 10 * hourMs;
  await pullBlob(late.repository, late.blobs[1]!);
  await age({ 'docker.io': hourMs });
  assert.deepEqual(await here(pinned.digests), all);
  assert.deepEqual(await here(late.digests), [false, false, true]);
  const bytes = Buffer.from('not referenced');

  const digest = digestOf(bytes);
  await putBytes(store, digest, bytes);
  await index.blobs.put({
    schema: 1,
    digest,
    size: 15,
    state: 'present',
    verified: true,
    storedAtMs: 1,
    lastPulledAtMs: 1,
  });
  clock.nowMs += 10 * hourMs;
  await age({ 'docker.io': hourMs });
  assert.deepEqual(await here([digest]), [true]);
});

test('a plan lists victims in order and with reasons, and changes nothing', async (t) => {
  const started = await startFullCache(t, { highBytes: 250_000, lowBytes: 150_000 });
  const { addImage: add, pull, here, clock, plan, evict, recount, store } = started;
  const images = [1, 2, 3].map((seed) => add(`image/${seed}`, 'latest', [seed]));
  for (const image of images) {
    await pull(image);
    clock.nowMs += hourMs;
  }
  const planned = async (...given: Parameters<typeof plan>) => {
    const { victims, ...rest } = await plan(...given);
    const named = [];
    for await (const { digest, reason, kind } of victims) named.push([digest, reason, kind]);
    return { ...rest, named };
  };
  const [first, second] = images;
  const { totals } = await recount();
  const asSpace = (image: typeof first) =>
    image!.digests.map((digest) => [digest, 'space', digest === image!.manifest ? 'manifest' : 'blob']);
  const full = await planned({});
  assert.deepEqual([full.bytes, full.downToBytes, full.pinned], [totals.bytes, 150_000, 0]);
  assertInOrder(full.named, [asSpace(first), asSpace(second)]);
  const aged = await planned({ 'docker.io': 2.5 * hourMs }, 150_000);
  assert.deepEqual(
    aged.named.map(([, reason]) => reason),
    ['age', 'age', 'age', 'space', 'space', 'space'],
  );
  assert.deepEqual((await planned({}, 0)).named.length, 9);
  assert.deepEqual((await planned({}, 1e9)).named, []);
  for (const image of images) assert.deepEqual(await here(image.digests), all);
  const reference = { kind: 'tag', tag: first!.tag } as const;
  await pinImage(store, { upstream: 'docker.io', repository: parseRepositoryName(first!.repository), reference });
  assertInOrder((await planned({})).named, [asSpace(second), asSpace(images[2])]);
  assert.equal((await planned({ 'docker.io': hourMs / 2 }, 1e9)).named.length, 6);
  // The eviction follows the plan.
  await evict();
  assert.deepEqual(await here(first!.digests), all);
  assert.deepEqual(await here([...second!.digests, ...images[2]!.digests]), [...none, ...none]);
});

/**
 * Asserts that images are in order. The blobs of one image were pulled at the same moment and may be in any order.
 */
function assertInOrder(
  named: readonly (readonly string[])[],
  images: readonly (readonly (readonly string[])[])[],
): void {
  let at = 0;
  for (const image of images) {
    const found = named.slice(at, (at += image.length)).map(String);
    assert.deepEqual(found.toSorted(), image.map(String).toSorted());
  }
  assert.equal(named.length, at);
}
