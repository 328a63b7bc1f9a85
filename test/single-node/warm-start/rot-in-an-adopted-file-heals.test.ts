// Files of another cache are not trusted: the first full read hashes them, and damaged content is fetched again.
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { blobFile, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';
import { accept, fillByDockerRegistry, repository } from './warm-directory.ts';

const damages: Readonly<Record<string, (file: string) => Promise<void>>> = {
  async 'a flipped first byte'(file) {
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(0) ^ 0xff, 0);
    await writeFile(file, bytes);
  },
  async 'a flipped last byte'(file) {
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 0xff, bytes.length - 1);
    await writeFile(file, bytes);
  },
  'a missing end': async (file) => truncate(file, (await readFile(file)).length - 1000),
  'no bytes at all': (file) => truncate(file, 0),
};

test('a damaged blob heals', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const { images, blobs } = await fillByDockerRegistry(upstream, rootDirectory);
  const layers = images.flatMap((image) => image.layers.map(({ digest }) => digest));
  for (const [position, damage] of Object.values(damages).entries())
    await damage(blobFile(rootDirectory, layers[position]!));
  assert.equal((await wronglyStored(rootDirectory)).length, layers.length);
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });

  for (const [position, name] of Object.keys(damages).entries())
    await t.test(name, async () => {
      const digest = layers[position]!;
      const bytes = blobs.get(digest)!;
      const url = `${cistern.url}/v2/${repository}/blobs/${digest}`;
      const first = await sendRequest(url);
      // Either the damage is found before the first byte, and upstream is queried, or the connection is reset.
      if (first.complete) assert.ok(first.headers['x-cache'] === 'MISS' && first.body.equals(bytes));
      else assert.ok(first.body.length < Number(first.headers['content-length']));
      const second = await sendRequest(url);
      assert.ok(second.status === 200 && second.complete && second.body.equals(bytes));
      await until('it is stored again', async () => (await sendRequest(url)).headers['x-cache'] === 'HIT');
      assert.equal(upstream.count({ digest, method: 'GET' }), 1);
    });
  await t.test('the files are correct again', async () => assert.deepEqual(await wronglyStored(rootDirectory), []));
});

test('a damaged manifest is fetched again before any client gets it', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const { images, index } = await fillByDockerRegistry(upstream, rootDirectory);
  const [image] = images;
  const file = blobFile(rootDirectory, image!.digest);
  await writeFile(file, (await readFile(file, 'utf8')).replace('schemaVersion', 'schemaversion'));
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
  for (const { digest, bytes } of [image!, index]) {
    const answer = await sendRequest(`${cistern.url}/v2/${repository}/manifests/${digest}`, { headers: accept });
    assert.ok(answer.status === 200 && answer.body.equals(bytes));
  }
  assert.equal(upstream.count({ digest: image!.digest, method: 'GET' }), 1);
  assert.deepEqual(await wronglyStored(rootDirectory), []);
});
