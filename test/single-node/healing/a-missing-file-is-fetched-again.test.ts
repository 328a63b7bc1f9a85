// Files are removed under a running cache. The next request gets them from upstream, and never a 200 with fewer bytes.
import assert from 'node:assert/strict';
import { appendFile, rm, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { blobFile, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';

const size = 20_000_000;

test('blobs and manifests are fetched again after they are removed, alone or all together', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const bytes = seededBytes(size, 'gone');
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [bytes] });
  const digest = image.layers[0]!.digest;
  const file = blobFile(cistern.rootDirectory, digest);
  const blob = `${cistern.url}/v2/library/app/blobs/${digest}`;
  const manifest = `${cistern.url}/v2/library/app/manifests/latest`;
  const isStored = async () => (await sendRequest(blob, { method: 'HEAD' })).headers['x-cache'] === 'HIT';
  const pull = async () => {
    const got = await sendRequest(manifest);
    assert.ok(got.status === 200 && got.body.equals(image.bytes));
    const pulled = await sendRequest(blob);
    assert.ok(pulled.status === 200 && pulled.complete && pulled.body.equals(bytes));
    await until('it is stored', isStored);
  };
  await pull();

  await t.test('a removed blob', async () => {
    await unlink(file);
    await pull();
    assert.equal(upstream.count({ digest, method: 'GET' }), 2);
  });

  await t.test('a blob that is removed while it is read', async () => {
    const download = await beginDownload(blob);
    await unlink(file);
    const answer = await download.ended;
    assert.ok(answer.complete && answer.body.equals(bytes));
    await pull();
  });

  await t.test('a truncated blob', async () => {
    await truncate(file, size / 2);
    const answer = await sendRequest(blob);
    assert.ok(!answer.complete || answer.body.equals(bytes), 'never a 200 with fewer bytes');
    await pull();
  });

  await t.test('a blob that has grown', async () => {
    await appendFile(file, 'more');
    await pull();
    assert.deepEqual(await wronglyStored(cistern.rootDirectory), []);
  });

  await t.test('everything below docker/', async () => {
    await rm(join(cistern.rootDirectory, 'docker'), { recursive: true });
    await pull();
  });
  assert.deepEqual(await wronglyStored(cistern.rootDirectory), []);
});
