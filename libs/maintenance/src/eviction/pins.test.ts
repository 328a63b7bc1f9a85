// Pinned images are not evicted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { listPins, pinImage, unpinImage } from '@cistern/content';
import { parseRepositoryName } from '@cistern/oci';
import { startFullCache } from '../testing/start-full-cache.ts';
import { untilPinHolds } from './create-pinned-digests.ts';

const nothing = async (_step: string) => {};
const all = [true, true, true];
const none = [false, false, false];

test('a pinned image survives any pressure, until its last pin is removed', async (t) => {
  const { addImage, pull, evict, here, store, lines, clock } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
  });
  const [byTag, byDigest, other] = [1, 2, 3].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  const name = (image: typeof byTag) => ({ upstream: 'docker.io', repository: parseRepositoryName(image!.repository) });
  const pins = [
    { ...name(byTag), reference: { kind: 'tag', tag: byTag!.tag } },
    { ...name(byDigest), reference: { kind: 'digest', digest: byDigest!.manifest } },
    { ...name(other), reference: { kind: 'digest', digest: byTag!.blobs[0]! } },
  ] as const;
  for (const pin of pins) await pinImage(store, pin);
  assert.equal((await listPins(store)).length, 3);
  for (const image of [byTag, byDigest, other]) await pull(image!);
  for (let round = 0; round < 3; round += 1) {
    clock.nowMs += 60_000;
    await evict();
  }
  assert.deepEqual(await here(byTag!.digests), all);
  assert.deepEqual(await here(byDigest!.digests), all);
  assert.deepEqual(await here(other!.digests), none);
  assert.ok(lines.some((line) => line.includes('nothing more can be evicted')));
  for (const pin of pins) assert.equal(await unpinImage(store, pin), true);
  assert.equal(await unpinImage(store, pins[0]), false);
  clock.nowMs += 60_000;
  await evict();
  assert.deepEqual(await here([...byTag!.digests, ...byDigest!.digests]), [...none, ...none]);
});

test('an unreadable pinned manifest protects only its own repository', async (t) => {
  const unreadable = new Set<string>();
  const { addImage, pull, evict, here, store } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    wrapStore: (inner) => ({
      ...inner,
      async open(digest, ...given) {
        if (unreadable.has(digest)) throw new CacheError('store-unavailable', 'AccessDenied');
        return inner.open(digest, ...given);
      },
    }),
  });
  const [pinned, other] = [1, 2].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  const repository = parseRepositoryName(pinned!.repository);
  await pinImage(store, { upstream: 'docker.io', repository, reference: { kind: 'digest', digest: pinned!.manifest } });
  for (const image of [pinned, other]) await pull(image!);
  unreadable.add(pinned!.manifest);
  await evict();
  assert.deepEqual(await here(pinned!.digests), all);
  assert.deepEqual(await here(other!.digests), none);
});

test('an image stays once its pin is confirmed, in every state of its deletion', async (t) => {
  for (const step of ['before', 'begun', 'removing'] as const) {
    let at = nothing;
    const { addImage, pull, evict, here, store, index, clock } = await startFullCache(t, {
      highBytes: 50_000,
      lowBytes: 10_000,
      wrapIndex: (inner) => ({
        ...inner,
        fills: {
          ...inner.fills,
          async beginDeletions(...given) {
            await at('before');
            const begun = await inner.fills.beginDeletions(...given);
            await at('begun');
            return begun;
          },
        },
      }),
      wrapStore: (inner) => ({
        ...inner,
        async removeAll(digests) {
          await at('removing');
          return inner.removeAll(digests);
        },
      }),
    });
    const image = addImage('image/1', 'latest', [1]);
    await pull(image);
    const pin = {
      upstream: 'docker.io',
      repository: parseRepositoryName(image.repository),
      reference: { kind: 'tag', tag: image.tag },
    } as const;
    let pinning: Promise<boolean[]> | undefined;
    at = async (reached) => {
      if (reached !== step || pinning !== undefined) return;
      pinning = pinImage(store, pin)
        .then(() => untilPinHolds({ index, store, now: () => clock.nowMs }, pin))
        .then(() => here(image.digests));
      // The pin may have to wait for the deletion.
      await Promise.race([pinning, new Promise((resolve) => setTimeout(resolve, 100))]);
    };
    await evict();
    const whenConfirmed = await pinning!;
    assert.deepEqual(whenConfirmed, step === 'removing' ? none : all, step);
    await evict();
    assert.deepEqual(await here(image.digests), whenConfirmed, step);
  }
});
