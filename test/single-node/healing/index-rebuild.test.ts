// Tests `cistern index rebuild`: it restores a lost index from the store, without a request to upstream.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort, startRedis } from '@cistern/test-servers';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const upstream = await openUpstream({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const blobs = [image.config, ...image.layers];

async function pull(url: string): Promise<void> {
  assert.equal((await sendRequest(`${url}/v2/library/app/manifests/latest`)).status, 200);
  for (const { digest } of blobs)
    assert.equal((await sendRequest(`${url}/v2/library/app/blobs/${digest}`)).status, 200);
}

const found = /^The index is complete: (\d+) blobs \((\d+) added\), 1 manifests, 1 tags \((\d+) added\)\.\n$/;

test('the index of one node is rebuilt while it is stopped', async (t) => {
  const rootDirectory = await openDirectory(t);
  const first = await openCistern(t, { config: cacheOf(upstream), rootDirectory });
  await pull(first.url);
  const refused = await runCistern(['index', 'rebuild', '--data', rootDirectory]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^cistern: [^\n]*\n$/);
  await first.stop();
  await rm(join(rootDirectory, 'cistern', 'index.sqlite'));

  const run = await runCistern(['index', 'rebuild', '--data', rootDirectory]);
  assert.deepEqual([run.code, run.stderr], [0, '']);
  assert.deepEqual(found.exec(run.stdout)?.slice(1), ['3', '3', '1']);
  const again = await runCistern(['index', 'rebuild', '--data', rootDirectory]);
  assert.deepEqual(found.exec(again.stdout)?.slice(1), ['3', '0', '0']);
});

test('the index of a cluster is rebuilt while it runs', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  const directory = await openDirectory(t);
  const rootDirectory = join(directory, 'shared');
  const shared = {
    redis: { addr: `127.0.0.1:${redis.port}`, commandtimeout: '10s' },
    cluster: { secret: randomUUID() },
  };
  const cistern = await openCistern(t, {
    config: { ...cacheOf(upstream), ...shared },
    env: { REGISTRY_WORKER_ADDR: `127.0.0.1:${await freePort()}` },
    rootDirectory,
  });
  await pull(cistern.url);
  const file = join(directory, 'cluster.yml');
  await writeFile(file, JSON.stringify({ ...shared, storage: { filesystem: { rootdirectory: rootDirectory } } }));
  // The cache also rebuilds its new index itself; this rebuild finds those parts done.
  await until('a rebuild has read the whole store', async () => {
    const run = await runCistern(['index', 'rebuild', file]);
    assert.deepEqual([run.code, run.stderr], [0, '']);
    return found.test(run.stdout);
  });
});
