// Tests the shipped compose files with locally built images on a docker engine of its own. They start with one command,
// a real client pulls, and nothing remains in the end.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type AddedImage, type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { hostAddress } from '@cistern/test-clients/sandbox';
import { buildImages } from '../src/compose/build-images.ts';
import { describeDropIn, mirror, registryImage } from '../src/compose/describe-drop-in.ts';
import { describeImage } from '../src/compose/describe-image.ts';
import { describeSecrets } from '../src/compose/describe-secrets.ts';
import { describeSingle } from '../src/compose/describe-single.ts';
import { type Engine, openEngine } from '../src/compose/open-engine.ts';
import { openProject, type Project } from '../src/compose/open-project.ts';
import { startStopwatch } from '../src/compose/start-stopwatch.ts';
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
  project = await openCluster();
  await buildImages(engine, { ...(await project.images()), registry: registryImage });
});
after(() => stack.disposeAsync());

/** Opens the project of docker-compose.yml, with the upstream of the test. */
async function openCluster(): Promise<Project> {
  const shipped = fileURLToPath(new URL('../../../infra/cistern/config.yml', import.meta.url));
  const upstreams = JSON.stringify({ 'docker.io': { url: upstreamUrl, default: true } });
  const file = join(engine.directory, 'config.yml');
  await writeFile(file, `${await readFile(shipped, 'utf8')}\nupstreams: ${upstreams}\n`);
  // A machine may allow few file descriptors.
  const env = { TEST_CONFIG: file, HAPROXY_MAXCONN: '4000' };
  return openProject(engine, { file: 'docker-compose.yml', override: 'override.yml' }, env);
}

async function explain(cause: unknown): Promise<never> {
  const states = await project.compose(['ps', '--all', '--format', '{{.Name}} {{.Status}}']);
  const logs = await project.compose(['logs', '--no-color', '--tail', '15']);
  throw new Error(`The project did not start:\n${states}\n${logs}`, { cause });
}

test('one command builds the image and starts the cluster, and a docker client can pull', async (t) => {
  const stopwatch = startStopwatch();
  const up = ['up', '--build', '--detach', '--wait', '--wait-timeout', '240', '--quiet-pull'];
  await project.compose(up, { timeoutMs: 600_000 }).catch(explain);
  await engine.docker(['pull', 'localhost:5000/library/app:1']);
  t.diagnostic(`docker-compose.yml: ${stopwatch()} from nothing to the first pull, with the images of other servers`);
  await engine.docker(['image', 'rm', 'localhost:5000/library/app:1']);
});

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
    readonly State: { readonly Pid: number; readonly Health?: { readonly Status: string } };
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
    'alertmanager',
    'frontend',
    'frontend',
    'grafana',
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
    assert.notEqual(await userOf(inspected.State.Pid), '0', name);
  }
});

async function userOf(pid: number): Promise<string | undefined> {
  return /^Uid:\t(\d+)/m.exec(await engine.run('cat', [`/proc/${pid}/status`]))?.[1];
}

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
    .filter((line) => line.includes('"msg":"request"') && line.includes('library/app'))
    .map((line) => (JSON.parse(line) as { client: string }).client);
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

/** Returns the status of a response of the upstream, or `no way`. Images without a shell need no client. */
async function reachUpstream({ inspected }: Container, withinSeconds: number): Promise<string> {
  const enter = ['--target', String(inspected.State.Pid), '--net', 'curl', '--silent', '--output', '/dev/null'];
  const limits = ['--max-time', String(withinSeconds), '--write-out', '%{http_code}'];
  return engine.run('nsenter', [...enter, ...limits, `${upstreamUrl}/v2/`]).catch(() => 'no way');
}

test('workers and Alertmanager reach the outside, and no other service does', async () => {
  for (const container of await containers()) {
    const isAllowed = ['worker', 'alertmanager'].includes(container.service);
    const reached = await reachUpstream(container, isAllowed ? 30 : 3);
    assert.equal(reached, isAllowed ? '200' : 'no way', container.name);
  }
});

async function scrapedTargets() {
  const answer = await engine.run('curl', ['--silent', 'http://localhost:9090/api/v1/targets']);
  const { data } = JSON.parse(answer) as {
    data: { activeTargets: { labels: { job: string }; health: string }[] };
  };
  // Ceph's gateway has no metrics at the path of the compose file's store.
  return data.activeTargets.filter(({ labels }) => labels.job !== 's3');
}

test('Prometheus scrapes every service, and sends alerts to Alertmanager', async () => {
  await until('all targets are up', async () => {
    const all = await scrapedTargets();
    return all.length === 8 && all.every(({ health }) => health === 'up');
  });
  const answer = await engine.run('curl', ['--silent', 'http://localhost:9090/api/v1/alertmanagers']);
  const { data } = JSON.parse(answer) as { data: { activeAlertmanagers: { url: string }[] } };
  assert.deepEqual(data.activeAlertmanagers, [{ url: 'http://alertmanager:9093/api/v2/alerts' }]);
  await engine.run('curl', ['--silent', '--fail', 'http://localhost:9093/-/ready']);
});

describeSecrets(async () => ({ engine, project }));

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

describeSingle(async () => {
  const { frontend: cistern = '' } = await project.images();
  return { engine, upstreamUrl, image, cistern };
});

describeImage(async () => {
  const { frontend: built = '' } = await project.images();
  return { engine, built };
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
