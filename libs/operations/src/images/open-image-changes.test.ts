import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { loadConfig, openLiveConfig } from '@cistern/config';
import type { JobQueue } from '@cistern/jobs';
import { digestOf, parseRepositoryName, parseTag } from '@cistern/oci';
import { pinImage } from '@cistern/content';
import { openImageChanges } from './open-image-changes.ts';

const digest = digestOf(Buffer.from('a manifest'));
const nothing = { purged: { tags: 0, manifests: 0, blobs: 0 } };

function open() {
  const [index, store] = [createTestIndex({ now: Date.now }), createMemoryStore()];
  const { live } = openLiveConfig(loadConfig({ env: {}, defaults: { rootDirectory: '/nowhere' } })).config;
  return { index, store, changes: openImageChanges(live, { index, store, queue: {} as JobQueue }) };
}

test('a purge takes exactly one valid name of an image, digest or upstream', async () => {
  const { index, changes } = open();
  for (const request of [
    {},
    { image: 'a', upstream: 'quay.io' },
    { upstream: 'registry.test' },
    { image: 'registry.test/a' },
  ])
    await assert.rejects(changes.purge(request), { name: 'CacheError' }, JSON.stringify(request));
  await assert.rejects(changes.purge({ digest: 'sha256:1' }));
  for (const request of [{ image: 'nginx' }, { digest }, { upstream: 'index.docker.io' }])
    assert.deepEqual(await changes.purge(request), nothing);
  // An upstream that is no longer configured.
  const key = { upstream: 'registry.test', repository: parseRepositoryName('a') };
  await index.links.put(key, [{ ...key, digest, kind: 'manifest' }]);
  assert.deepEqual(await changes.purge({ upstream: 'registry.test' }), nothing);
  assert.deepEqual(await index.links.repositories({ limit: 1 }), []);
});

test('a purge of pinned content is refused with the names of the pins', async () => {
  const { store, changes } = open();
  for (const tag of ['1', '2', '3', '4', '5', '6'])
    await pinImage(store, {
      upstream: 'quay.io',
      repository: parseRepositoryName('a'),
      reference: { kind: 'tag', tag: parseTag(tag) },
    });
  assert.deepEqual(await changes.purge({ image: 'quay.io/a:3' }), {
    refused: 'Nothing was purged: quay.io/a:3 is pinned. Unpin first.',
  });
  const all = await changes.purge({ upstream: 'quay.io' });
  assert.match('refused' in all ? all.refused : '', /: quay\.io\/a:1, .*quay\.io\/a:5 and others are pinned\./);
});

test('a refresh rejects a digest', async () => {
  await assert.rejects(open().changes.refresh(`nginx@${digest}`), /A digest never changes/);
});
