// Checks sixty or more cells of the table of rights, on one process and on a cluster.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDirectory, openProcess } from '@cistern/single-node/open-stage';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { type Cluster, startCluster } from '@cistern/test-servers';
import { type CheckOptions, checkRights } from './check-rights.ts';
import { openRightsWorld } from './open-rights-world.ts';

const trusting = { proxyprotocol: false, trustedproxies: ['127.0.0.0/8'] };
/** An odd number that does not divide the length of a row, so that a sample has cells of all ways. */
const every = 7;

function robotsOf(configFile: string) {
  return async (name: string, pull: readonly string[]): Promise<string> => {
    const run = await runCistern(['token', 'create', name, '--pull', ...pull, '--config', configFile]);
    assert.equal(run.code, 0, run.stderr);
    return run.stdout.trim();
  };
}

test('the table of rights holds on one process', async (t) => {
  const world = await openRightsWorld(t);
  const directory = await openDirectory(t);
  const rootDirectory = join(directory, 'data');
  const configFile = join(directory, 'store.yml');
  const storage = { filesystem: { rootdirectory: rootDirectory } };
  // JSON is valid YAML.
  await writeFile(configFile, JSON.stringify({ version: '0.1', storage }));
  const config = { ...world.configOf('login'), http: trusting };
  const { url } = await openProcess(t, { rootDirectory, config });
  const site = { urls: [url], createRobot: robotsOf(configFile) };
  const { cells, problems } = await checkRights(world, 'login', site, { every });
  assert.deepEqual(problems, []);
  assert.ok(cells >= 60, `${cells} cells`);
});

async function checkCluster(t: TestContext, redirects: boolean, shared: Partial<Pick<Cluster, 'redis' | 's3'>>) {
  const world = await openRightsWorld(t);
  const cluster = await startCluster({
    frontends: 2,
    workers: 1,
    ...shared,
    config: { ...world.configOf('login'), http: trusting },
    env: { REGISTRY_STORAGE_REDIRECT_DISABLE: String(!redirects) },
  });
  t.after(cluster.close);
  const site = { urls: cluster.frontends.map(({ url }) => url), createRobot: robotsOf(cluster.configFile) };
  const options: CheckOptions = redirects ? { redirects } : { every };
  return { cluster, ...(await checkRights(world, 'login', site, options)) };
}

test('the table of rights holds in a cluster, with and without redirects to the store', async (t) => {
  const { cluster, cells, problems } = await checkCluster(t, false, {});
  assert.deepEqual(problems, []);
  assert.ok(cells >= 60, `${cells} cells`);
  const { redis, s3 } = cluster;
  const redirected = await checkCluster(t, true, { redis, s3 });
  assert.deepEqual(redirected.problems, []);
});
