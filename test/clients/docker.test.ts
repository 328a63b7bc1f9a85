import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { type Docker, type DockerOptions, openDocker } from './src/clients/docker.ts';
import { type OpenedClient, describeClient } from './src/describe-client.ts';
import { type LoggedRequest, contentGets } from './src/request-log.ts';
import { openRecordingProxy } from './src/open-recording-proxy.ts';
import { openRig, type Rig } from './src/open-rig.ts';
import { type UpstreamName, testTag, upstreamNames } from './src/test-images.ts';

const packages = ['docker.io', 'docker-cli', 'docker-buildx'];

const openStore = (store: DockerOptions['store']) => (rig: Rig) => openDocker({ mirror: `http://${rig.cache}`, store });

// Docker mirrors only Docker Hub. Images of other registries need the cache's name.
const nameOf = (rig: Rig, upstream: UpstreamName, repository: string) =>
  upstream === 'docker.io' ? `docker.io/${repository}` : `${rig.cache}/${upstream}/${repository}`;

describeClient<Docker>(
  { name: 'docker, graph driver store', packages, open: openStore('graph-driver'), nameOf },
  (opened) => {
    test('its pulls do not name an upstream and reach the default one', async () => {
      await runsFromBothUpstreams(opened());
      const mirrored = await mirroredGets(opened().rig);
      assert.deepEqual([...new Set(mirrored.map(({ ns }) => ns))], [undefined]);
    });

    test('its BuildKit names the upstream, and builds from the mirror', () => buildsFromMirror(opened()));
  },
);

describeClient<Docker>(
  { name: 'docker, containerd store', packages, open: openStore('containerd'), nameOf },
  (opened) => {
    test('its pulls name the upstream', async () => {
      await runsFromBothUpstreams(opened());
      const mirrored = await mirroredGets(opened().rig);
      assert.deepEqual([...new Set(mirrored.map(({ ns }) => ns))], ['docker.io']);
    });

    test('its BuildKit names the upstream, and builds from the mirror', () => buildsFromMirror(opened()));
  },
);

describeClient<Docker>(
  {
    name: 'docker, with the upstream in the path of the mirror',
    packages,
    open: (rig) => openDocker({ mirror: `http://${rig.cache}/docker.io`, store: 'graph-driver' }),
    nameOf,
    repositories: ['library/multi'],
  },
  (opened) => {
    test('sends the path before /v2/, and its BuildKit sends it after /v2/ with the upstream', async () => {
      const { rig, client } = opened();
      const before = await mirroredGets(rig);
      assert.ok(before.length > 0);
      assert.ok(before.every(({ path, ns }) => path.startsWith('/docker.io/v2/') && ns === undefined));
      assert.equal(await client.build(dockerfile(rig)), builtContent);
      const built = (await mirroredGets(rig)).slice(before.length);
      assert.ok(built.length > 0);
      assert.ok(built.every(({ path, ns }) => path.startsWith('/v2/docker.io/') && ns === 'docker.io'));
    });
  },
);

for (const store of ['graph-driver', 'containerd'] as const)
  test(`docker, ${store} store: the log of a cold pull has at most as many lines as requests`, async (t) => {
    const rig = await openRig({ packages, log: {} });
    t.after(rig.close);
    const proxy = await openRecordingProxy(rig.cache);
    t.after(proxy.close);
    const client = await openDocker({ mirror: `http://${proxy.host}`, store });
    t.after(client.close);
    await rig.settled();
    const before = rig.cacheLog().length;
    await client.pull(`docker.io/library/multi:${testTag}`);
    await rig.settled();
    const lines = rig.cacheLog().slice(before);
    t.diagnostic(`${proxy.requests()} requests, ${lines.length} lines`);
    assert.ok(lines.some((line) => line.includes(' docker.io/library/multi:')));
    assert.ok(lines.length <= proxy.requests(), lines.join('\n'));
  });

async function runsFromBothUpstreams({ rig, client }: OpenedClient<Docker>): Promise<void> {
  for (const upstream of upstreamNames) {
    const reference = `${nameOf(rig, upstream, 'library/shell')}:${testTag}`;
    await client.pull(reference);
    assert.equal(await client.run(reference, ['cat', '/etc/origin']), `${upstream} amd64\n`);
    await client.remove(reference);
  }
}

const builtContent = 'docker.io multi amd64\nquay.io amd64\n';

function dockerfile(rig: Rig): string {
  return [
    `FROM docker.io/library/multi:${testTag}`,
    `COPY --from=${rig.cache}/quay.io/library/shell:${testTag} /etc/origin /etc/other`,
    'RUN cat /etc/origin /etc/other > /out',
  ].join('\n');
}

/** Returns the client's requests for images of Docker Hub. */
async function mirroredGets(rig: Rig): Promise<LoggedRequest[]> {
  await rig.settled();
  return contentGets(rig.cacheRequests()).filter(({ path }) => !path.includes('/quay.io/'));
}

async function buildsFromMirror({ rig, client }: OpenedClient<Docker>): Promise<void> {
  const before = await mirroredGets(rig);
  assert.equal(await client.build(dockerfile(rig)), builtContent);
  const built = (await mirroredGets(rig)).slice(before.length);
  assert.deepEqual([...new Set(built.map(({ ns }) => ns))], ['docker.io']);
}
