// A hostile repository may have very many links. The cache stops reading them at a limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import type { CacheIndex, Link } from '@cistern/index';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { createPlatformsOf } from './access/platforms-of.ts';
import { writeLinksObject, createStoredLinks } from '@cistern/content';

const library = repositoryOf('docker.io', 'library/nginx');
const log = createLogger({ level: 'error', formatter: 'json' });
const now = () => 0;
const digest = (name: string) => digestOf(Buffer.from(name));

/** Opens a store with 200 manifests for windows, of ten layers each: 2,200 links. */
async function openStore() {
  const store = createMemoryStore();
  const platform = 'windows/amd64';
  for (let at = 0; at < 200; at += 1) {
    const layers = Array.from({ length: 10 }, (_, layer): Link => {
      return { ...library, digest: digest(`${at} ${layer}`), kind: 'blob' };
    });
    const manifest: Link = { ...library, digest: digest(`${at}`), kind: 'manifest', platform };
    await writeLinksObject(store, library, [manifest, ...layers], 0);
  }
  let reads = 0;
  const readObject: typeof store.readObject = (key) => {
    reads += 1;
    return store.readObject(key);
  };
  return { store: { ...store, readObject }, reads: () => reads };
}

test('links objects are read up to a limit, and blobs beyond it have an unknown platform', async () => {
  const index = createTestIndex({ now });
  for (const [maxLinks, fewest, most, isCut] of [
    [110, 10, 30, true],
    [10_000, 200, 200, false],
  ] as const) {
    const { store, reads } = await openStore();
    const platforms = createPlatformsOf({ index, store, now, maxLinks });
    const found = await Promise.all(
      Array.from({ length: 200 }, (_, at) => platforms.recently(library, digest(`${at} 0`))),
    );
    assert.ok(reads() >= fewest && reads() <= 2 * most, `${reads()} reads`);
    assert.equal(found.filter((ofBlob) => ofBlob.includes(undefined)).length, isCut ? 200 : 0);
  }
});

test('links that are missing in the index are read from the store up to a limit', async () => {
  const index: CacheIndex = createTestIndex({ now });
  const incomplete: CacheIndex = { ...index, epoch: { ...index.epoch, isComplete: async () => false } };
  const { store, reads } = await openStore();
  const links = createStoredLinks({ index: incomplete, store, log, now, maxLinks: 110 });
  assert.equal(await links.find(library, digest('nowhere')), undefined);
  assert.ok(reads() >= 10 && reads() <= 30, `${reads()} reads`);
  assert.ok((await index.links.digests(library)).length <= 30 * 11);
});
