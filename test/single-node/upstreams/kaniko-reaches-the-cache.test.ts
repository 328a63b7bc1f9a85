// Tests kaniko with the arguments that `cistern client-config` prints. Debian has no package of kaniko. So this file
// reimplements how kaniko (pkg/image/remote) and go-containerregistry (pkg/name) map an image name to a request.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openCistern, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';

const hub = await openUpstream({ after });
const github = await openUpstream({ after });
const cistern = await openCistern(
  { after },
  { config: { upstreams: { 'docker.io': { url: hub.url }, 'ghcr.io': { url: github.url } } } },
);
const cache = new URL(cistern.url).host;
const official = hub.addImage('library/app', { tag: '1', seed: 'official' });
const organisation = hub.addImage('org/app', { tag: '1', seed: 'organisation' });
const foreign = github.addImage('org/app', { tag: '1', seed: 'foreign' });

interface Repository {
  readonly registry: string;
  readonly path: string;
}

/** go-containerregistry, `NewRepository`: a first component with a dot or a colon is a registry. */
function parseRepository(name: string, defaultRegistry: string): Repository {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isRegistry = /[.:]/.test(first);
  const registry = isRegistry ? first : defaultRegistry;
  const path = isRegistry ? name.slice(slash + 1) : name;
  return { registry, path: registry === hubRegistry && !path.includes('/') ? `library/${path}` : path };
}

const hubRegistry = 'index.docker.io';

/** kaniko, `parseRegistryMapping` and `remapRepository`: a path after the registry is put before the repository. */
function remap({ registry, path }: Repository, maps: ReadonlyMap<string, string>): Repository {
  const mapped = maps.get(registry);
  assert.ok(mapped !== undefined, `${registry} is not mapped`);
  const [mappedRegistry = '', ...prefix] = mapped.split('/');
  return parseRepository([...prefix, path].join('/'), mappedRegistry);
}

async function printedMaps(): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr, code } = await runCistern(['client-config', 'kaniko', '--url', cistern.url]);
  assert.equal(code, 0, stderr);
  const [, maps = ''] = /--registry-map='(.*)'/.exec(stdout) ?? [];
  return new Map(maps.split(';').map((map) => map.split('=') as [string, string]));
}

for (const [name, upstream, image] of [
  ['app', 'docker.io', official],
  ['org/app', 'docker.io', organisation],
  ['ghcr.io/org/app', 'ghcr.io', foreign],
] as const)
  test(`kaniko pulls ${name} from ${upstream} through the cache`, async () => {
    const { registry, path } = remap(parseRepository(name, hubRegistry), await printedMaps());
    assert.equal(registry, cache, 'the request goes to another registry');
    const manifest = await sendRequest(`http://${registry}/v2/${path}/manifests/1`);
    assert.equal(manifest.headers['x-cistern-upstream'], upstream);
    assert.ok(manifest.body.equals(image.bytes));
    for (const { digest } of image.layers)
      assert.equal((await sendRequest(`http://${registry}/v2/${path}/blobs/${digest}`)).status, 200);
  });

test('the map contains all built-in upstreams, and none is parsed as another registry', async () => {
  const maps = await printedMaps();
  assert.equal(maps.size, 7);
  for (const registry of maps.keys()) assert.equal(remap({ registry, path: 'org/app' }, maps).registry, cache);
});
