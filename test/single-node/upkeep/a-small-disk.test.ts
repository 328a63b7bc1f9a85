// Runs store and spool on a file system of 60 MiB. Each pulled image arrives complete, and evicts others or is rejected
// before its first byte.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { freeBytesOf, mountSmallDisk } from '../src/mount-small-disk.ts';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { beginDownload, errorsOf, sendRequest } from '../src/send-request.ts';
import { spoolFiles, storedDigests } from '../src/store-files.ts';
import { until } from '../src/until.ts';

const mebibyte = 1024 * 1024;
const minFree = 6 * mebibyte;

async function openSmallCache(t: TestContext) {
  const upstream = await openUpstream(t);
  const { directory: disk, unmount } = await mountSmallDisk(60);
  // Hooks run in the order of their creation.
  const ends: (() => Promise<unknown>)[] = [unmount];
  t.after(async () => {
    for (const end of ends) await end();
  });
  const owner = { after: (end: () => Promise<unknown>) => ends.unshift(end) };
  const cistern = await openCistern(owner, { rootDirectory: join(disk, 'data'), config: cacheOf(upstream) });
  const addImage = (name: string, layerBytes: number) =>
    upstream.addImage(name, { tag: 'latest', seed: name, layers: [{ size: layerBytes, seed: name }] });
  const get = (name: string, path: string) => sendRequest(`${cistern.url}/v2/${name}/${path}`);
  /** Pulls like a client. Returns `X-Cache` of the layer. */
  const pull = async (name: string, { layers, digest }: ReturnType<typeof addImage>) => {
    const manifest = await get(name, 'manifests/latest');
    assert.deepEqual([manifest.status, manifest.headers['docker-content-digest']], [200, digest]);
    for (const layer of layers) {
      const answer = await get(name, `blobs/${layer.digest}`);
      assert.equal(answer.status, 200, answer.body.subarray(0, 500).toString());
      assert.ok(answer.complete, `${name} was cut off after ${answer.body.length} bytes`);
      assert.equal(`sha256:${createHash('sha256').update(answer.body).digest('hex')}`, layer.digest);
    }
  };
  const readiness = async () => {
    const { status, body } = await sendRequest(`${cistern.metricsUrl}/readyz`);
    return { status, ...(JSON.parse(body.toString()) as { ready: boolean; degraded: Record<string, string> }) };
  };
  const settled = () => until('nothing is fetched', async () => (await spoolFiles(cistern.rootDirectory)).length === 0);
  return { upstream, disk, cistern, addImage, get, pull, readiness, settled };
}

test('images pulled one after the other onto a small disk evict the oldest, and a tenth stays free', async (t) => {
  const { disk, cistern, addImage, pull, settled } = await openSmallCache(t);
  const names = Array.from({ length: 7 }, (_, at) => `library/app-${at}`);
  for (const name of names) {
    const image = addImage(name, 12 * mebibyte);
    await pull(name, image);
    await settled();
    const free = await freeBytesOf(disk);
    assert.ok(free >= minFree, `${free} bytes are free after ${name}`);
  }
  const stored = await storedDigests(cistern.rootDirectory);
  assert.ok(stored.length > 2 && stored.length < 30, `${stored.length} objects are stored`);
  const metrics = await readMetrics(cistern);
  assert.ok((metrics.get('cistern_evictions_total{reason="space"}') ?? 0) > 0);
  assert.equal(metrics.get('cistern_store_min_free_bytes'), minFree);
});

test('a blob that can never fit is rejected before its first byte, and evicts nothing', async (t) => {
  const { upstream, addImage, get, pull, readiness, settled } = await openSmallCache(t);
  const small = addImage('library/small', 12 * mebibyte);
  await pull('library/small', small);
  await settled();
  const large = addImage('library/large', 70 * mebibyte);
  assert.equal((await get('library/large', 'manifests/latest')).status, 200);
  for (let tries = 0; tries < 3; tries += 1) {
    const refused = await get('library/large', `blobs/${large.layers[0]!.digest}`);
    assert.equal(refused.status, 503);
    const [error] = errorsOf(refused);
    assert.match(error!.message, /not enough space.*storage\.filesystem\.rootdirectory.*bytes free.*storage\.minfree/);
  }
  assert.equal(upstream.count({ digest: large.layers[0]!.digest, method: 'GET' }), 0);
  const warm = await get('library/small', `blobs/${small.layers[0]!.digest}`);
  assert.deepEqual([warm.status, warm.headers['x-cache'], warm.complete], [200, 'HIT', true]);
  // A blob that is too large does not make a disk full.
  assert.deepEqual((await readiness()).degraded, {});
});

test('on a disk filled by other files, warm pulls continue, cold pulls are rejected, and the node reports the full disk', async (t) => {
  const { upstream, disk, addImage, get, pull, readiness, settled } = await openSmallCache(t);
  const warm = addImage('library/warm', 2 * mebibyte);
  await pull('library/warm', warm);
  await settled();
  const ballast = join(disk, 'another file');
  await writeFile(ballast, Buffer.alloc((await freeBytesOf(disk)) - 4096)).catch(() => {});
  assert.ok((await freeBytesOf(disk)) < 64 * 1024);
  const answer = await get('library/warm', `blobs/${warm.layers[0]!.digest}`);
  assert.deepEqual([answer.status, answer.complete], [200, true]);
  const cold = addImage('library/cold', 12 * mebibyte);
  const countGets = () => upstream.count({ repository: 'library/cold', method: 'GET', endpoint: 'manifest' });
  for (let tries = 0; tries < 3; tries += 1)
    assert.equal((await get('library/cold', 'manifests/latest')).status, 503, 'the manifest could not be stored');
  assert.ok(countGets() <= 1, 'the upstream counts each GET');
  const refused = await get('library/cold', `blobs/${cold.layers[0]!.digest}`);
  assert.equal(refused.status, 503, refused.body.subarray(0, 300).toString());
  await until('the full disk is reported', async () => (await readiness()).degraded['store'] !== undefined);
  const { status, ready, degraded } = await readiness();
  assert.deepEqual([status, ready], [200, true]);
  assert.match(degraded['store'] ?? '', /^The store is full: /);
  await rm(ballast);
  await pull('library/cold', cold);
  await until('the disk has space again', async () => Object.keys((await readiness()).degraded).length === 0);
});

test('a disk that fills up during a fetch aborts it, and the log names the spool', async (t) => {
  const { upstream, disk, cistern, addImage, get } = await openSmallCache(t);
  const { layers } = addImage('library/app', 20 * mebibyte);
  const { digest } = layers[0]!;
  assert.equal((await get('library/app', 'manifests/latest')).status, 200);
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(mebibyte);
  const download = await beginDownload(`${cistern.url}/v2/library/app/blobs/${digest}`);
  await download.untilReceived(mebibyte / 2);
  await writeFile(join(disk, 'another file'), Buffer.alloc(await freeBytesOf(disk))).catch(() => {});
  gate.release();
  const { status, complete } = await download.ended;
  assert.deepEqual([status, complete], [200, false]);
  await until('the reason is logged', () =>
    cistern.log().some((line) => /The spool \(worker\.spool\.directory\).*file system is full/.test(line)),
  );
});

test('a store of many small images evicts when other files fill the disk to the last byte', async (t) => {
  const { disk, addImage, pull, settled } = await openSmallCache(t);
  for (let at = 0; at < 75; at += 1) await pull(`library/app-${at}`, addImage(`library/app-${at}`, 160_000));
  await settled();
  await writeFile(join(disk, 'another file'), Buffer.alloc(await freeBytesOf(disk))).catch(() => {});
  await until('some of the disk is free again', async () => (await freeBytesOf(disk)) >= 5 * mebibyte);
});

test('a start on a disk that is full to the last byte fails with its cause', async (t) => {
  const { disk, cistern, addImage, pull } = await openSmallCache(t);
  await pull('library/app', addImage('library/app', mebibyte));
  await cistern.stop();
  await writeFile(join(disk, 'another file'), Buffer.alloc(await freeBytesOf(disk))).catch(() => {});
  const { code, stderr } = await runCistern(['serve', '--addr', '127.0.0.1:0', '--data', cistern.rootDirectory]);
  assert.equal(code, 1);
  assert.match(stderr, /The index cannot be used: the file system of storage\.filesystem\.rootdirectory.* is full/);
});
