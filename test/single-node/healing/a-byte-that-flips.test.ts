// A disk flips one bit of a running cache's store. Manifests and small blobs are never sent with it. For a large blob,
// neither the first read of the day nor a repeated request of a client gets the end.
import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { errorsOf, sendRequest } from '../src/send-request.ts';
import { blobFile, filesBelow, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';

const small = seededBytes(400_000, 'small');
const ranged = seededBytes(400_000, 'ranged');
const large = seededBytes(20_000_000, 'large');

async function flip(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const { size } = await handle.stat();
    const at = Math.floor(size / 2);
    await handle.read(byte, 0, 1, at);
    await handle.write(Buffer.from([byte[0]! ^ 1]), 0, 1, at);
  } finally {
    await handle.close();
  }
}

function blobUrl(url: string, digest: string): string {
  return `${url}/v2/library/app/blobs/${digest}`;
}

function isStored(url: string, digest: string): () => Promise<boolean> {
  return async () => (await sendRequest(blobUrl(url, digest), { method: 'HEAD' })).headers['x-cache'] === 'HIT';
}

test('readers detect damaged content, and it heals', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [small, ranged, large] });
  const [smallDigest = '', rangedDigest = '', largeDigest = ''] = image.layers.map(({ digest }) => digest);
  const options = { rootDirectory, config: cacheOf(upstream) };
  const before = await openCistern(t, options);
  await sendRequest(`${before.url}/v2/library/app/manifests/latest`);
  for (const digest of [smallDigest, rangedDigest, largeDigest]) await sendRequest(blobUrl(before.url, digest));
  for (const digest of [smallDigest, rangedDigest, largeDigest])
    await until('it is stored', isStored(before.url, digest));
  // The process has correct copies in memory, so it restarts.
  await before.stop();
  const cistern = await openCistern(t, options);
  const manifestUrl = `${cistern.url}/v2/library/app/manifests/${image.digest}`;
  const gets = (digest: string) => upstream.count({ digest, method: 'GET' });

  await t.test('a manifest', async () => {
    await flip(blobFile(rootDirectory, image.digest));
    const { status, body } = await sendRequest(manifestUrl);
    assert.ok(status === 200 && body.equals(image.bytes));
  });

  await t.test('small blobs, whole and in a range', async () => {
    for (const [digest, headers, expected] of [
      [smallDigest, {}, small],
      [rangedDigest, { range: 'bytes=1000-' }, ranged.subarray(1000)],
    ] as const) {
      await flip(blobFile(rootDirectory, digest));
      const answer = await sendRequest(blobUrl(cistern.url, digest), { headers });
      assert.ok(answer.complete && answer.body.equals(expected));
      assert.equal(answer.headers['x-cache'], 'MISS');
      await until('it is stored again', isStored(cistern.url, digest));
      assert.equal(gets(digest), 2);
    }
  });

  await t.test('a large blob, by the first read of the day', async () => {
    await flip(blobFile(rootDirectory, largeDigest));
    const url = blobUrl(cistern.url, largeDigest);
    const first = await sendRequest(url, { localAddress: '127.0.0.2' });
    assert.equal(first.complete, false);
    const second = await sendRequest(url, { localAddress: '127.0.0.3' });
    assert.ok(second.complete && second.body.equals(large));
    await until('it is stored again', isStored(cistern.url, largeDigest));
    assert.equal(gets(largeDigest), 2);
  });

  await t.test('a large blob, by a client that repeats its request', async () => {
    const url = blobUrl(cistern.url, largeDigest);
    const due = await sendRequest(url, { localAddress: '127.0.0.4' });
    assert.ok(due.complete && due.body.equals(large));
    await flip(blobFile(rootDirectory, largeDigest));
    const damaged = await readFile(blobFile(rootDirectory, largeDigest));
    for (const localAddress of ['127.0.0.5', '127.0.0.6']) {
      const first = await sendRequest(url, { localAddress });
      assert.ok(first.complete && first.body.equals(damaged), 'not due');
    }
    // real-time: for a second after a check, the server does not check the blob again
    await delay(1500);
    const second = await sendRequest(url, { localAddress: '127.0.0.5' });
    assert.equal(second.complete, false);
    const third = await sendRequest(url, { localAddress: '127.0.0.5' });
    assert.ok(third.complete && third.body.equals(large));
    await until('it is stored again', isStored(cistern.url, largeDigest));
    assert.equal(gets(largeDigest), 3);
  });

  await t.test('all damaged bytes are kept', async () => {
    const kept = await filesBelow(join(rootDirectory, 'cistern', 'quarantine'));
    assert.deepEqual(
      new Set(kept.map((name) => name.replace(/-\d+$/, ''))),
      new Set([image.digest, smallDigest, rangedDigest, largeDigest]),
    );
    assert.deepEqual(await wronglyStored(rootDirectory), []);
  });

  await t.test('a small blob and a manifest are rejected without an upstream', async () => {
    await cistern.stop();
    for (const digest of [image.digest, smallDigest]) await flip(blobFile(rootDirectory, digest));
    const { url } = await openCistern(t, options);
    await upstream.refuseConnections();
    for (const path of [`manifests/${image.digest}`, `blobs/${smallDigest}`]) {
      const answer = await sendRequest(`${url}/v2/library/app/${path}`);
      assert.equal(answer.status, 503, path);
      assert.equal(errorsOf(answer)[0]?.code, 'UNAVAILABLE');
    }
  });
});
