// Tests that the store is the truth: everything is served without the index's file, or with a damaged one.
import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';

const damages: Readonly<Record<string, (directory: string) => Promise<void>>> = {
  'after an ordinary restart': async () => {},
  async 'after the index is removed'(directory) {
    for (const name of await readdir(directory)) if (name.startsWith('index.sqlite')) await rm(join(directory, name));
  },
  'after the index is damaged': (directory) => writeFile(join(directory, 'index.sqlite'), Buffer.alloc(20_000, 'x')),
};

test('tags, manifests and blobs are served while upstream is unavailable', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const image = upstream.addImage('library/app', { tag: 'latest' });
  const index = upstream.addIndex('library/app', { tag: 'multi', images: [image] });
  const pull = async (url: string, expected: readonly string[]) => {
    const answers = [];
    for (const path of [
      'manifests/multi',
      'manifests/latest',
      `manifests/${image.digest}`,
      `blobs/${image.config.digest}`,
      `blobs/${image.layers[0]!.digest}`,
    ])
      answers.push(await sendRequest(`${url}/v2/library/app/${path}`));
    assert.deepEqual(
      answers.map(({ headers }) => headers['x-cache']),
      expected,
    );
    assert.ok(answers[0]!.body.equals(index.bytes) && answers[1]!.body.equals(image.bytes));
    assert.ok(answers.every(({ status, complete }) => status === 200 && complete));
  };
  const first = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
  await pull(first.url, ['MISS', 'MISS', 'HIT', 'MISS', 'MISS']);
  await first.stop();
  await upstream.refuseConnections();

  for (const [when, damage] of Object.entries(damages))
    await t.test(when, async () => {
      await damage(join(rootDirectory, 'cistern'));
      const again = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
      await pull(again.url, ['STALE', 'STALE', 'HIT', 'HIT', 'HIT']);
      await again.stop();
    });
});
