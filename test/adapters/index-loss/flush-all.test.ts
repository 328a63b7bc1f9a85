// Tests that a fill stays the only one when Redis loses everything, and that the index is rebuilt from the store.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BlobStore, putBytes } from '@cistern/blob-store';
import { openFsStore } from '@cistern/blob-store/fs';
import type { CacheIndex, TagKey } from '@cistern/index';
import { openRedisIndex } from '@cistern/index/redis';
import { createGate, startFakeUpstream } from '@cistern/fake-upstream';
import { createInlineJobs } from '@cistern/jobs/inline';
import { type Digest, digestOf, parseRepositoryName, parseTag } from '@cistern/oci';
import { createFillTable, openSpoolDirectory } from '@cistern/fills';
import { createFreshnessPolicies } from '@cistern/pull-through';
import { startIndexKeeper } from '@cistern/maintenance';
import { createJobHandlers } from '@cistern/worker';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';
import { openUpstream } from '@cistern/upstream';
import { until } from '../redis-index/until.ts';

const images = 100;
const layersOfImage = 10;
/** Claims wait this long for the owner's heartbeat. It comes each second, and later on a busy machine. */
const settleMs = 10_000;
const log = createLogger({ level: 'error', formatter: 'json' });
const library = { upstream: 'docker.io', repository: parseRepositoryName('library/nginx') };

async function startParts(t: TestContext) {
  const redis = await startRedis();
  t.after(() => redis.close());
  const hub = await startFakeUpstream();
  t.after(() => hub.close());
  const directory = await mkdtemp(join(tmpdir(), 'cistern-index-loss-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = await openFsStore({ root: join(directory, 'store'), log });
  t.after(() => store.close());
  const keyPrefix = `test-${randomUUID()}:`;

  /** Starts a worker with its own connection to Redis. */
  async function startWorker() {
    const one = { interactive: 1, background: 1 };
    const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
    const timeouts = { settleMs, commandTimeoutMs: commandTimeoutMs.patient };
    const index = await openRedisIndex({ connection, keyPrefix, ...timeouts, log });
    const metrics = createMetrics();
    const upstream = openUpstream({
      name: library.upstream,
      url: hub.url,
      instanceId: 'test',
      version: '0',
      metrics,
      log,
    });
    const spools = await openSpoolDirectory(join(directory, 'store', 'cistern', 'spool'), {
      maxBytes: Infinity,
      isOneFile: true,
    });
    const handlers = createJobHandlers({
      index,
      store,
      upstreams: new Map([[upstream.name, upstream]]),
      policyOf: createFreshnessPolicies([]),
      adoptAs: () => undefined,
      spools,
      fills: createFillTable(),
      queue: createInlineJobs({ slots: { blob: one, short: one }, maxWaiting: 1, log }).queue,
      address: '',
      remoteFills: undefined,
      maxWholeForRangeBytes: Infinity,
      log,
      metrics,
      now: Date.now,
    });
    const keeper = startIndexKeeper({ index, store, log, now: Date.now });
    const ending = new AbortController();
    t.after(async () => {
      ending.abort();
      await keeper.close();
      await upstream.close();
      await index.close();
    });
    return { index, handlers, context: { class: 'interactive', signal: ending.signal } as const };
  }
  return { redis, hub, store, startWorker };
}

/** Pulls images, and stores a thousand of their layers as fills would. */
async function fillCache(
  { index, handlers, context }: Awaited<ReturnType<Awaited<ReturnType<typeof startParts>>['startWorker']>>,
  hub: Awaited<ReturnType<typeof startFakeUpstream>>,
  store: BlobStore,
): Promise<{ readonly tags: TagKey[]; readonly layers: Digest[] }> {
  const tags: TagKey[] = [];
  const layers: Digest[] = [];
  for (let image = 0; image < images; image += 1) {
    const bodies = Array.from({ length: layersOfImage }, (_, layer) => Buffer.from(`layer ${layer} of image ${image}`));
    const tag = parseTag(`v${image}`);
    hub.addImage(library.repository, { tag, layers: bodies, seed: image });
    await handlers['revalidate-tag']({ ...library, tag, by: 'get' }, context);
    await Promise.all(
      bodies.map(async (bytes) => {
        const digest = digestOf(bytes);
        await putBytes(store, digest, bytes);
        // real-time: the age of a record that the product compares with its own clock
        const storedAtMs = Date.now();
        const times = { storedAtMs, lastPulledAtMs: storedAtMs };
        await index.blobs.put({ schema: 1, digest, size: bytes.length, state: 'present', verified: true, ...times });
        layers.push(digest);
      }),
    );
    tags.push({ ...library, tag });
  }
  return { tags, layers };
}

async function contentOf(
  { tags, links, blobs, manifests }: CacheIndex,
  keys: readonly TagKey[],
  layers: readonly Digest[],
) {
  const records = await Promise.all(keys.map((key) => tags.get(key)));
  return {
    totals: await blobs.totals(),
    repositories: await links.repositories({ limit: 10 }),
    tags: records.map((record) => [record?.tag, record?.digest, record?.mediaType, record?.size, record?.sequence]),
    listed: (await tags.list(library.upstream, library.repository, { limit: 1000 })).length,
    links: await Promise.all(layers.map((digest) => links.get(library, digest))),
    manifests: await Promise.all(
      records.map(async (record) => record && (await manifests.get(record.digest))?.mediaType),
    ),
  };
}

test('after FLUSHALL during a fill, no blob is fetched twice and the index is rebuilt as it was', async (t) => {
  const { redis, hub, store, startWorker } = await startParts(t);
  const [one, two] = [await startWorker(), await startWorker()];
  const { tags, layers } = await fillCache(one, hub, store);
  assert.equal(layers.length, images * layersOfImage);
  await until(() => one.index.epoch.isComplete());

  const gate = createGate();
  const { digest, size } = hub.addBlob(library.repository, { size: 3_000_000, seed: 'filling' });
  hub.addFault({ digest, method: 'GET' }, { gate });
  const job = { ...library, digest, replaces: 0, from: 0 };
  const filling = one.handlers['fetch-blob'](job, one.context);
  gate.allow(1_000_000);
  await until(async () => (await two.index.fills.read(digest))?.state === 'running');
  const before = await contentOf(one.index, tags, layers);

  await redis.flushAll();
  // The job of another caller arrives before the owner's heartbeat.
  assert.equal(await two.handlers['fetch-blob'](job, two.context), null);
  assert.equal((await two.index.fills.read(digest))?.state, 'running');

  // The fill ends during the rebuild or after it. Either way its blob is counted once.
  gate.release();
  await filling;
  assert.equal(hub.count({ digest, method: 'GET' }), 1);
  await until(() => two.index.epoch.isComplete());
  const after = await contentOf(two.index, tags, layers);
  const { blobs, bytes } = before.totals;
  assert.deepEqual(after, { ...before, totals: { blobs: blobs + 1, bytes: bytes + size } });
  // The totals match the contents of the store.
  let [storedBlobs, storedBytes] = [0, 0];
  for await (const blob of store.list()) {
    storedBlobs += 1;
    storedBytes += blob.size;
  }
  assert.deepEqual(after.totals, { blobs: storedBlobs, bytes: storedBytes });

  // A second FLUSHALL happens while no fill runs.
  await redis.flushAll();
  assert.equal(await one.index.epoch.isComplete(), false);
  await until(() => two.index.epoch.isComplete());
  assert.deepEqual(await contentOf(one.index, tags, layers), after);
});
