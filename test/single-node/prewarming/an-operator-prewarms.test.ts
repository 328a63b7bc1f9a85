// Tests `cistern prewarm` against a process that runs on the same data.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openProcess, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';

test('a command fetches an image, and reports a missing one', async (t) => {
  const upstream = await openUpstream(t);
  const image = upstream.addImage('library/app', {
    tag: 'v1',
    layers: [
      { size: 300_000, seed: 1 },
      { size: 5_000, seed: 2 },
    ],
  });
  const rootDirectory = await openDirectory(t);
  const cistern = await openCistern(t, { config: cacheOf(upstream), rootDirectory });
  const prewarm = (...images: readonly string[]) => runCistern(['prewarm', '--data', rootDirectory, ...images]);
  const first = await prewarm('app:v1');
  assert.equal(first.stderr, '');
  assert.match(
    first.stdout,
    new RegExp(`^app:v1: ${image.digest}, 3 layers \\(3\\d\\d kB\\), fetched 3 \\(3\\d\\d kB\\)\n$`),
  );
  const before = upstream.count({ method: 'GET' });
  for (const { digest } of [image.config, ...image.layers])
    assert.equal((await sendRequest(`${cistern.url}/v2/library/app/blobs/${digest}`)).headers['x-cache'], 'HIT');
  assert.match((await prewarm(`docker.io/library/app@${image.digest}`)).stdout, /3 layers .*, all cached before\n$/);
  assert.equal(upstream.count({ method: 'GET' }), before);

  const wrong = await prewarm('app:v2', 'example.com/app:v1', 'app:v1');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /^app:v1: .* all cached before\n$/);
  assert.match(
    wrong.stderr,
    /^cistern: app:v2: .+\ncistern: example.com\/app:v1: "example.com" is no upstream of this cache\.\n$/,
  );
});

test('a command reports that no cache runs', async (t) => {
  const { code, stderr } = await runCistern(['prewarm', '--data', await openDirectory(t), 'nginx']);
  assert.equal(code, 1);
  assert.match(stderr, /^cistern: nginx: The cache at .+ is unreachable \(ENOENT\)\. Check that it runs\.\n$/);
});

test('the socket of a killed process is replaced', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'v1' });
  const rootDirectory = await openDirectory(t);
  await (await openProcess(t, { config: cacheOf(upstream), rootDirectory })).kill();
  await openCistern(t, { config: cacheOf(upstream), rootDirectory });
  assert.equal((await runCistern(['prewarm', '--data', rootDirectory, 'app:v1'])).code, 0);
});
