// A worker without network or disk space, or a slow upstream, does not delay the others. Time is virtual in these tests.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import type { Digest } from '@cistern/oci';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { startTestCluster, type TestClusterOptions } from '../testing/start-test-cluster.ts';

const hubRepository = repositoryOf('docker.io', 'library/nginx');
const quayRepository = repositoryOf('quay.io', 'prometheus/node-exporter');
const blobBytes = 200_000;
const withinMs = 2_000;

async function startCluster(t: TestContext, options: TestClusterOptions = {}) {
  const cluster = await startTestCluster(t, options);
  const { hub, quay, frontends } = cluster;
  const contents = new Map<Digest, Buffer>();

  const add = (seed: number, key = hubRepository): Digest => {
    const bytes = bytesOf(blobBytes, seed);
    const digest = (key === hubRepository ? hub : quay).addBlob(key.repository, bytes);
    contents.set(digest, bytes);
    return digest;
  };
  const open = (digest: Digest, key = hubRepository, signal?: AbortSignal) =>
    frontends[0]!.cache.openBlob({ ...key, digest, intent: 'whole', signal });
  const pull = async (digest: Digest, key = hubRepository) => {
    const startedAtMs = performance.now();
    const bytes = await collect(await (await open(digest, key)).read());
    assert.ok(bytes.equals(contents.get(digest)!));
    return performance.now() - startedAtMs;
  };
  return { ...cluster, add, open, pull };
}

test('each pull that is not cached succeeds with one GET if one of two workers has no network', async (t) => {
  const { add, pull, hub, unconnected } = await startCluster(t);
  unconnected.add('worker-1');
  for (let seed = 1; seed <= 20; seed += 1) assert.ok((await pull(add(seed))) <= withinMs);
  assert.equal(hub.gets.length, 20);
});

test("a pull fails with the last worker's error if no worker has a network", async (t) => {
  const { add, open, unconnected } = await startCluster(t);
  unconnected.add('worker-1').add('worker-2');
  await assert.rejects(
    open(add(1)),
    (error) => isCacheError(error, 'upstream-unreachable') && /no route/.test(error.message),
  );
});

test('a fetch that does not fit into a full spool moves to another worker before the request to upstream', async (t) => {
  const spoolBytes = (worker: string) => (worker === 'worker-1' ? 2 * blobBytes : Infinity);
  const { add, open, pull, hub, index, queue, workers } = await startCluster(t, { spoolBytes });
  queue.route = () => 'worker-1';
  hub.script.gated = true;
  for (const seed of [1, 2]) await open(add(seed));
  queue.route = () => 'any';
  assert.equal(workers[0]!.spools.usedBytes, 2 * blobBytes);
  const digest = add(3);
  // Records the size of the blob, as a pull of its manifest does.
  await index.links.put(hubRepository, [{ ...hubRepository, digest, kind: 'blob', size: blobBytes }]);
  hub.allow(blobBytes);
  hub.script.gated = false;
  assert.ok((await pull(digest)) <= withinMs);
  assert.equal((await index.fills.read(digest))?.address, workers[1]!.address);
  assert.equal(hub.gets.filter((get) => get.digest === digest).length, 1);
});

test('an upstream that sends almost nothing does not delay fetches from others', async (t) => {
  const { add, open, pull, hub, quay } = await startCluster(t, {
    workers: 1,
    slots: { interactive: 8, background: 2 },
  });
  hub.script.gated = true;
  const leaving = new AbortController();
  const slow = Array.from({ length: 33 }, (_, seed) => open(add(seed + 1), hubRepository, leaving.signal));
  for (const one of slow) one.catch(() => {});
  await until(() => hub.gets.length === 8);
  assert.ok((await pull(add(100, quayRepository), quayRepository)) <= withinMs);
  assert.equal(quay.gets.length, 1);
  leaving.abort(new Error('the clients have left'));
  await delay(60_000);
  assert.ok((await pull(add(101, quayRepository), quayRepository)) <= withinMs);
  // Fetches without a reader hold no slots.
  const before = hub.gets.length;
  const late = open(add(102), hubRepository);
  late.catch(() => {});
  await until(() => hub.gets.length > before);
  hub.script.gated = false;
  hub.allow(0);
  await late;
});

test('a reader that is half-way continues immediately after its worker shuts down, although all workers have waiting fetches', async (t) => {
  const slots = { interactive: 2, background: 1 };
  const { add, open, hub, queue, workers } = await startCluster(t, { slots });
  hub.script.gated = true;
  queue.route = () => 'worker-1';
  const digest = add(1);
  hub.allow(70_000);
  const reader = await (await open(digest)).read();
  let received = (await reader.next())!.length;
  queue.route = () => 'worker-2';
  // The upstream does not respond to new requests.
  hub.script.onCall = () => new Promise<void>(() => {});
  const waiting = Array.from({ length: 9 }, (_, seed) => open(add(seed + 2)).then((blob) => blob.read()));
  for (const one of waiting) one.catch(() => {});
  await until(() => hub.calls.filter((call) => call === 'get-blob').length >= 3);
  hub.script.onCall = undefined;
  await workers[0]!.terminate(1_000);
  const endedAtMs = performance.now();
  hub.script.gated = false;
  hub.allow(0);
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) received += next.length;
  assert.equal(received, blobBytes);
  assert.ok(performance.now() - endedAtMs <= withinMs);
});

test('a disk that becomes full half-way sends its reader to another worker, and no byte is fetched twice', async (t) => {
  const { add, open, hub, queue, index, workers } = await startCluster(t);
  queue.route = () => 'worker-1';
  hub.script.gated = true;
  hub.allow(70_000);
  const digest = add(1);
  const reader = await (await open(digest)).read();
  let received = (await reader.next())!.length;
  queue.route = () => 'any';
  workers[0]!.fillDisk();
  hub.script.gated = false;
  hub.allow(0);
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) received += next.length;
  assert.equal(received, blobBytes);
  assert.equal((await index.fills.read(digest))?.address, workers[1]!.address);
  assert.equal(hub.gets.length, 2);
  assert.ok(hub.gets[1]!.from! > 0);
});
