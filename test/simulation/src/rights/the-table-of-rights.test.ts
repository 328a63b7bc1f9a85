// Every cell of the table of rights, on a cluster of the product's own nodes.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { replaceModules } from '../nodes/replace-modules.ts';

replaceModules();
const { withRobotTokens } = await import('@cistern/assembly');
const { checkRights } = await import('@cistern/rights/check-rights');
const { openRightsWorld } = await import('@cistern/rights/open-rights-world');
const { createWeather } = await import('../cluster/cluster-weather.ts');
const { createLogger } = await import('@cistern/telemetry');
const { nodeConfig } = await import('../nodes/node-config.ts');
const { startNodes } = await import('../nodes/start-nodes.ts');
const { createRandom } = await import('../world/random.ts');

type CacheName = Parameters<typeof checkRights>[1];

async function check(t: TestContext, cache: CacheName, store: 'memory' | 's3') {
  const world = await openRightsWorld(t);
  const redirects = store === 's3';
  const sections = { ...world.configOf(cache), ...(redirects && { storage: { redirect: { disable: false } } }) };
  // JSON is valid YAML.
  const file = Object.entries(sections)
    .map(([name, section]) => `${name}: ${JSON.stringify(section)}`)
    .join('\n');
  const nodes = await startNodes({ frontends: 2, workers: 1, weather: createWeather(createRandom(1)), store, file });
  t.after(async () => assert.deepEqual(await nodes.close(), []));
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const site = {
    urls: nodes.frontends.map(({ port }) => `http://127.0.0.1:${port}`),
    createRobot: (name: string, pull: readonly string[]) =>
      nodes.asAdmin(() =>
        withRobotTokens(nodeConfig('admin', 5_200, { file, endpoint: nodes.store.endpoint }), log, async (tokens) => {
          const { token } = await tokens.create({ name, grants: pull, createdAtMs: Date.now() });
          return token;
        }),
      ),
  };
  return checkRights(world, cache, site, { redirects });
}

for (const cache of ['login', 'open', 'tokens', 'verified'] as const)
  for (const store of ['memory', 's3'] as const)
    test(`the table of rights holds: ${cache}, ${store}`, async (t) => {
      const { cells, problems } = await check(t, cache, store);
      assert.deepEqual(problems, []);
      t.diagnostic(`${cells} cells`);
    });
