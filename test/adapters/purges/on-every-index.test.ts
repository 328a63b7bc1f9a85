// Tests that a purge removes content from every kind of index, from the caches of frontends, and from the store.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { linksObjectKey, putBytes, tagObjectKey } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import type { CacheIndex, Link } from '@cistern/index';
import { createCachedIndex } from '@cistern/index/cached';
import { openRedisIndex } from '@cistern/index/redis';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { digestOf, mediaTypes, parseRepositoryName, parseTag } from '@cistern/oci';
import { purge, rebuildIndex } from '@cistern/maintenance';
import { createLogger } from '@cistern/telemetry';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';
import { until } from '../until.ts';

const redis = await startRedis();
after(() => redis.close());

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const key = { upstream: 'docker.io', repository: parseRepositoryName('library/app') };
const tag = { ...key, tag: parseTag('latest') };
const layer = Buffer.from('a layer');
const manifest = Buffer.from('{"schemaVersion":2}');
const [layerDigest, manifestDigest] = [digestOf(layer), digestOf(manifest)];
const mediaType = mediaTypes.ociManifest;
const links: Link[] = [
  { ...key, digest: manifestDigest, kind: 'manifest', size: manifest.length, mediaType },
  { ...key, digest: layerDigest, kind: 'blob', size: layer.length },
];

/** Fills the index and a store with one image, as a pull leaves it. */
async function fill(index: CacheIndex) {
  const store = createMemoryStore();
  await index.epoch.markComplete(await index.epoch.current());
  // real-time: an image of the present; the product compares it with its own clock
  const [atMs, size] = [Date.now(), manifest.length];
  const times = {
    firstSeenAtMs: atMs,
    changedAtMs: atMs,
    checkedAtMs: atMs,
    lastPulledAtMs: atMs,
    lastTriedAtMs: atMs,
  };
  await store.writeObject(tagObjectKey(tag), json({ digest: manifestDigest, mediaType, size, sequence: 1 }));
  const linksKey = linksObjectKey(key.upstream, key.repository, manifestDigest);
  await store.writeObject(linksKey, json({ mediaType, size, children: links.slice(1) }));
  await index.links.put(key, links);
  for (const bytes of [layer, manifest]) {
    const digest = digestOf(bytes);
    await putBytes(store, digest, bytes);
    const present = { schema: 1, digest, size: bytes.length, state: 'present', verified: true } as const;
    await index.blobs.put({ ...present, storedAtMs: atMs, lastPulledAtMs: atMs });
  }
  await index.manifests.put({ schema: 1, digest: manifestDigest, mediaType, size, storedAtMs: atMs });
  const origin = 'upstream' as const;
  await index.tags.put({
    ...tag,
    ...times,
    schema: 1,
    digest: manifestDigest,
    mediaType,
    size,
    sequence: 1,
    pulls: 1,
    origin,
  });
  return store;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify({ schema: 1, ...value }));
}

function readRecords({ tags, links: linkIndex, manifests, blobs }: CacheIndex): Promise<unknown[]> {
  return Promise.all([
    tags.get(tag),
    linkIndex.get(key, manifestDigest),
    linkIndex.get(key, layerDigest),
    manifests.get(manifestDigest),
    blobs.get(manifestDigest),
    blobs.get(layerDigest),
  ]);
}

/** Asserts that a purge reaches the index, the store and the `readers`, which cache the index. */
async function assertPurges(index: CacheIndex, readers: readonly CacheIndex[]): Promise<void> {
  for (const target of [
    { image: { ...key, reference: { kind: 'tag', tag: tag.tag } } },
    { upstream: 'docker.io' },
  ] as const) {
    const store = await fill(index);
    for (const reader of readers) assert.ok((await readRecords(reader)).every((found) => found !== undefined));
    const result = await purge({ index, store, adoptAs: () => undefined, now: Date.now }, target);
    assert.deepEqual(result, { purged: { tags: 1, manifests: 1, blobs: 1 } });
    for (const reader of readers)
      await until('the content is gone', async () => (await readRecords(reader)).every((found) => found === undefined));
    assert.deepEqual(await index.links.repositories({ limit: 1 }), []);
    assert.deepEqual(await index.blobs.totals(), { blobs: 0, bytes: 0 });
    for await (const left of store.list()) assert.fail(`${left.digest} is left`);
    for await (const left of store.listObjects('cistern/')) assert.fail(`${left} is left`);
  }
}

test('a purge removes content from Redis and from the caches of frontends', async (t) => {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const open = async () => {
    const index = await openRedisIndex({
      connection,
      keyPrefix: 'purges:',
      commandTimeoutMs: commandTimeoutMs.patient,
      log,
    });
    t.after(() => index.close());
    return index;
  };
  const readers: CacheIndex[] = [];
  for (let node = 0; node < 2; node += 1) {
    const cached = createCachedIndex({ index: await open(), log });
    t.after(() => cached.close());
    readers.push(cached);
  }
  await assertPurges(await open(), readers);
});

test('a purge waits until a lost index in Redis has been rebuilt', async (t) => {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const index = await openRedisIndex({
    connection,
    keyPrefix: 'lost:',
    commandTimeoutMs: commandTimeoutMs.patient,
    log,
  });
  t.after(() => index.close());
  const store = await fill(index);
  const other = { ...key, repository: parseRepositoryName('library/other') };
  const linksKey = linksObjectKey(other.upstream, other.repository, manifestDigest);
  await store.writeObject(
    linksKey,
    json({ mediaType, size: manifest.length, children: [{ digest: layerDigest, kind: 'blob' }] }),
  );
  await redis.command('FLUSHALL');
  const target = { image: { ...key, reference: { kind: 'tag', tag: tag.tag } } } as const;
  const purging = purge({ index, store, adoptAs: () => undefined, now: Date.now }, target);
  // real-time: a purge that does not wait for the index would be over by then
  await delay(300);
  assert.notEqual(await store.readObject(tagObjectKey(tag)), undefined);
  const isRebuilt = async () => (await rebuildIndex({ index, store, log, now: Date.now })) !== undefined;
  await until('the index is rebuilt', isRebuilt);
  assert.deepEqual(await purging, { purged: { tags: 1, manifests: 0, blobs: 0 } });
  for (const digest of [manifestDigest, layerDigest]) assert.notEqual(await store.stat(digest), undefined);
});

test('in SQLite', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-purges-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const index = await openSqliteIndex({ path: join(directory, 'index.sqlite'), now: Date.now, log });
  t.after(() => index.close());
  await assertPurges(index, [index]);
});
