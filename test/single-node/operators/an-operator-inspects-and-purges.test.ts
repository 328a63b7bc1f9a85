// Tests commands of operators that inspect and change a running cache.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

async function openCommanded(t: TestContext) {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const cistern = await openCistern(t, { config: cacheOf(upstream), rootDirectory });
  return {
    upstream,
    pull: (path: string) => sendRequest(`${cistern.url}/v2/library/app/${path}`),
    async run(...args: readonly string[]) {
      const { code, stdout, stderr } = await runCistern([...args, '--data', rootDirectory]);
      return code === 0 ? stdout : `${code} ${stderr}`;
    },
  };
}

test('an image is found, inspected, refreshed and purged', async (t) => {
  const { upstream, pull, run } = await openCommanded(t);
  const layers = [{ size: 5_000, seed: 'a layer' }];
  const old = upstream.addImage('library/app', { tag: 'latest', layers });
  await pull('manifests/latest');
  const blob = `blobs/${old.layers[0]?.digest}`;
  await until('the layer is stored', async () => (await pull(blob)).headers['x-cache'] === 'HIT');

  assert.match(await run('images', 'APP'), /^IMAGE .*\napp:latest +sha256:[0-9a-f]{12} .*\n$/);
  assert.match(await run('inspect', 'app'), /digest +sha256:.*\n(?:.*\n)*.* 1 of 1\n$/);
  assert.match(await run('top'), /^IMAGE .*\napp:latest +1\.0\n$/);

  const moved = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 6_000, seed: 'another layer' }] });
  const refreshed = { image: 'docker.io/library/app:latest', before: old.digest, after: moved.digest };
  assert.deepEqual(JSON.parse(await run('refresh', 'app', '--json')), { results: [{ target: 'app', ...refreshed }] });
  const { headers } = await pull('manifests/latest');
  assert.deepEqual([headers['docker-content-digest'], headers['x-cache']], [moved.digest, 'REVALIDATED']);

  await run('pin', 'app:latest');
  assert.match(await run('purge', 'app'), /^1 cistern: .*docker\.io\/library\/app:latest is pinned\. Unpin first/);
  await run('unpin', 'app:latest');
  assert.equal(await run('purge', 'app'), 'app: removed 1 tag, 1 manifest and 0 blobs.\n');
  assert.equal((await pull('manifests/latest')).headers['x-cache'], 'MISS');
  const counts = { tags: 1, manifests: 2, blobs: 1 };
  const all = ['purge', '--upstream', 'docker.io', '--json'];
  assert.match(await run(...all), /^1 cistern: This needs a confirmation, .* Pass --yes, /);
  assert.partialDeepStrictEqual(JSON.parse(await run(...all, '--dry-run')), {
    results: [{ target: 'docker.io', tags: ['docker.io/library/app:latest'], total: counts }],
  });
  assert.deepEqual(JSON.parse(await run(...all, '--yes')), { results: [{ target: 'docker.io', purged: counts }] });
  assert.equal(await run('images'), '');
});
