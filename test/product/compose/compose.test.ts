// Tests the shipped compose file with locally built images on a docker engine of its own. It starts, a real client
// pulls through its load balancer, and nothing remains in the end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AddedImage, type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { hostAddress } from '@cistern/test-clients/sandbox';
import { buildImages } from '../src/compose/build-images.ts';
import { describeDropIn, mirror, registryImage } from '../src/compose/describe-drop-in.ts';
import { type Engine, openEngine } from '../src/compose/open-engine.ts';
import { openProject, type Project } from '../src/compose/open-project.ts';
import { until } from '../src/compose/until.ts';

const stack = new AsyncDisposableStack();
let engine: Engine;
let project: Project;
let upstream: FakeUpstream;
let upstreamUrl: string;
let image: AddedImage;

before(async () => {
  upstream = await startFakeUpstream();
  stack.defer(() => upstream.close());
  upstreamUrl = `http://${hostAddress}:${new URL(upstream.url).port}`;
  const layers = [1, 2, 3].map((seed) => ({ size: 5_000_000, seed }));
  image = upstream.addImage('library/app', { tag: '1', layers });
  engine = await openEngine({ mirror });
  stack.defer(engine.close);
  project = await openProject(engine, upstreamUrl);
  await buildImages(engine, { ...(await project.images()), registry: registryImage });
  await project.compose(['up', '--detach', '--wait', '--wait-timeout', '240', '--quiet-pull'], 300_000).catch(explain);
});
after(() => stack.disposeAsync());

async function explain(cause: unknown): Promise<never> {
  const states = await project.compose(['ps', '--all', '--format', '{{.Name}} {{.Status}}']);
  const logs = await project.compose(['logs', '--no-color', '--tail', '15']);
  throw new Error(`The project did not start:\n${states}\n${logs}`, { cause });
}

interface Container {
  readonly service: string;
  readonly name: string;
  readonly inspected: {
    readonly Config: { readonly User: string };
    readonly HostConfig: {
      readonly ReadonlyRootfs: boolean;
      readonly CapDrop: readonly string[];
      readonly SecurityOpt: readonly string[];
      readonly Memory: number;
    };
    readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
    readonly State: { readonly Health?: { readonly Status: string } };
  };
}

async function containers(): Promise<Container[]> {
  const ids = (await project.compose(['ps', '--quiet'])).trim().split('\n');
  const inspected = JSON.parse(await engine.docker(['inspect', ...ids])) as (Container['inspected'] & {
    readonly Name: string;
    readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  })[];
  return inspected.map((container) => ({
    service: container.Config.Labels['com.docker.compose.service'] ?? '',
    name: container.Name.slice(1),
    inspected: container,
  }));
}

test('every service runs, is healthy and has only the rights and networks that it needs', async () => {
  const all = await containers();
  assert.deepEqual(all.map(({ service }) => service).toSorted(), [
    'admin',
    'frontend',
    'frontend',
    'haproxy',
    'prometheus',
    'redis',
    's3',
    'worker',
    'worker',
  ]);
  for (const { service, name, inspected } of all) {
    assert.equal(inspected.State.Health?.Status, 'healthy', name);
    assert.deepEqual(inspected.HostConfig.CapDrop, ['ALL'], name);
    assert.deepEqual(inspected.HostConfig.SecurityOpt, ['no-new-privileges:true'], name);
    assert.ok(inspected.HostConfig.Memory > 0, name);
    // The test's S3 server writes to its root file system and runs as root, like the one that it replaces.
    if (service === 's3') continue;
    assert.equal(inspected.HostConfig.ReadonlyRootfs, true, name);
    assert.notEqual((await engine.docker(['exec', name, 'id', '-u'])).trim(), '0', name);
  }
});

test('only the S3 server has the password of its root account', async () => {
  const { services } = JSON.parse(await project.compose(['config', '--format', 'json'])) as {
    services: Record<string, { secrets?: readonly { readonly source: string }[] }>;
  };
  const having = Object.keys(services).filter((name) =>
    services[name]?.secrets?.some(({ source }) => source === 's3-root-password'),
  );
  assert.deepEqual(having, ['s3']);
});

test('a docker client pulls through the balancer, and the upstream gets each request once', async () => {
  const reference = 'localhost:5000/docker.io/library/app:1';
  for (let pull = 0; pull < 3; pull++) {
    const output = await engine.docker(['pull', reference]);
    assert.ok(output.includes(image.digest), output);
    await engine.docker(['image', 'rm', reference]);
  }
  for (const { digest } of [image, image.config, ...image.layers])
    assert.equal(upstream.count({ method: 'GET', digest }), 1, digest);
});

test('both frontends serve, and their logs show the client’s address', async () => {
  for (let count = 0; count < 10; count++)
    await engine.run('curl', ['--silent', '--fail', 'http://localhost:5000/v2/docker.io/library/app/manifests/1']);
  const all = await containers();
  const balancer = all.find(({ service }) => service === 'haproxy');
  const networks = Object.values(balancer?.inspected.NetworkSettings.Networks ?? {});
  const own = new Set(networks.map(({ IPAddress }) => IPAddress));
  const frontends = all.filter(({ service }) => service === 'frontend');
  const logs = await Promise.all(frontends.map(({ name }) => engine.docker(['logs', name])));
  const clients = logs
    .flatMap((log) => log.split('\n'))
    .filter((line) => line.includes('"request ended"') && line.includes('library/app'))
    .map((line) => (JSON.parse(line) as { clientIp: string }).clientIp);
  assert.ok(clients.length >= 10);
  assert.deepEqual(
    clients.filter((client) => own.has(client)),
    [],
  );
  const statistics = await engine.run('curl', ['--silent', 'http://localhost:8404/;csv']);
  const served = statistics
    .split('\n')
    .map((line) => line.split(','))
    .filter(([proxy, server]) => proxy === 'frontends' && server?.startsWith('frontend-'))
    .filter((columns) => Number(columns[7]) > 0);
  assert.equal(served.length, 2);
});

async function reachUpstream(service: string, withinMs: number): Promise<string> {
  const script = `fetch('${upstreamUrl}/v2/', { signal: AbortSignal.timeout(${withinMs}) }).then(({ status }) => console.log('status', status), () => console.log('no way'))`;
  return (await project.compose(['exec', service, 'node', '--eval', script])).trim();
}

test('workers reach upstreams, and no other service reaches the outside', async () => {
  assert.equal(await reachUpstream('worker', 30_000), 'status 200');
  for (const service of ['frontend', 'admin']) assert.equal(await reachUpstream(service, 3000), 'no way', service);
});

async function scrapedTargets() {
  const answer = await engine.run('curl', ['--silent', 'http://localhost:9090/api/v1/targets']);
  const { data } = JSON.parse(answer) as {
    data: { activeTargets: { labels: { job: string }; health: string }[] };
  };
  // Ceph's gateway has no metrics at the path of the compose file's store.
  return data.activeTargets.filter(({ labels }) => labels.job !== 's3');
}

test('Prometheus scrapes every node', async () => {
  await until('all targets are up', async () => {
    const all = await scrapedTargets();
    return all.length === 7 && all.every(({ health }) => health === 'up');
  });
});

test('a replaced frontend finishes its pulls, and no other pull fails', async () => {
  const first = (await containers()).find(({ service }) => service === 'frontend');
  assert.ok(first);
  const digest = image.layers[0]?.digest ?? '';
  const url = `http://localhost:5000/v2/docker.io/library/app/blobs/${digest}`;
  const slowly = engine.run('curl', [
    '--silent',
    '--show-error',
    '--fail',
    '--limit-rate',
    '1M',
    '--output',
    'slow',
    url,
  ]);
  let isRestarting = true;
  const restarting = engine.docker(['restart', first.name]).finally(() => (isRestarting = false));
  while (isRestarting) await engine.run('curl', ['--silent', '--show-error', '--fail', '--output', '/dev/null', url]);
  await restarting;
  await slowly;
  assert.equal((await engine.run('sha256sum', ['slow'])).split(' ')[0], digest.replace('sha256:', ''));
});

test('the image on its own is a cache of one node', async () => {
  const hardened = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges:true'];
  const data = ['--volume', 'alone:/var/lib/cistern', '--publish', '5100:5000'];
  const { frontend: name = '' } = await project.images();
  await engine.docker(['run', '--detach', '--name', 'alone', ...hardened, ...data, name]);
  const health = ['inspect', '--format', '{{.State.Health.Status}}', 'alone'];
  await until('the container is healthy', async () => (await engine.docker(health)) === 'healthy\n');
  await engine.run('curl', ['--silent', '--fail', 'http://localhost:5100/v2/']);
  await engine.docker(['stop', 'alone']);
  assert.equal(await engine.docker(['inspect', '--format', '{{.State.ExitCode}}', 'alone']), '0\n');
  await engine.docker(['rm', '--volumes', 'alone']);
  await engine.docker(['volume', 'rm', 'alone']);
});

describeDropIn(async () => {
  const { frontend: cistern = '' } = await project.images();
  return { engine, upstream, cistern };
});

test('the project stops cleanly, and nothing remains', async () => {
  await project.compose(['down', '--volumes']);
  assert.equal(await engine.docker(['ps', '--all', '--quiet']), '');
  assert.equal(await engine.docker(['volume', 'ls', '--quiet']), '');
  const networks = (await engine.docker(['network', 'ls', '--format', '{{.Name}}'])).trim().split('\n');
  assert.deepEqual(networks.toSorted(), ['bridge', 'host', 'none']);
});
