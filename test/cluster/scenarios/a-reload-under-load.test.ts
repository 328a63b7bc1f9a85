// Reloads the configuration of all nodes again and again, while clients pull warm and cold images by tag and by digest.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommand } from '@cistern/cli/testing/start-command';
import { createRandom } from '@cistern/single-node/random';
import { until } from '@cistern/single-node/until';
import { type AddedImage, startFakeUpstream } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import { startAdminNode } from '@cistern/test-servers';
import { loggedAt } from '../src/logged-at.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';

const wantedRequests = 10_000;
const clients = 24;
const repository = 'library/app';

const second = await startFakeUpstream();
after(() => second.close());
// Tags are confirmed every second, so warm pulls need workers too.
const rig = await openClusterRig(
  { after },
  { cluster: { frontends: 2, workers: 2, config: { upstreams: { 'docker.io': { ttl: '1s' } } } } },
);
const { cluster, nodes, upstream } = rig;
const admin = await startAdminNode(cluster);
after(() => admin.stop());
const original = JSON.parse(await readFile(cluster.configFile, 'utf8')) as Configuration;
const validCopy = join(cluster.configFile, '..', 'valid.yml');
await writeFile(validCopy, JSON.stringify(original));

interface Configuration {
  readonly upstreams: Readonly<Record<string, object>>;
  readonly [section: string]: object;
}

interface Answer {
  readonly nodes: readonly { readonly name: string; readonly result: string; readonly reason: string | null }[];
}

/** Writes the file of all nodes, and runs `cistern reload`. */
async function reload(sections: Readonly<Record<string, unknown>>) {
  await writeFile(cluster.configFile, JSON.stringify({ ...original, ...sections }));
  // real-time: the duration is printed
  const startedMs = performance.now();
  const { code, stdout, stderr } = await runCommand(['reload', '--json', '--config', validCopy, '--url', admin.url]);
  assert.equal(stderr, '');
  const answer = JSON.parse(stdout) as Answer;
  assert.equal(answer.nodes.length, nodes.length + 1);
  // real-time: the duration is printed
  const tookMs = Math.round(performance.now() - startedMs);
  return { code, results: [...new Set(answer.nodes.map(({ result }) => result))], answer, tookMs };
}

/** Pulls until it is stopped. Checks every body. */
function startLoad() {
  const random = createRandom(7);
  const failures: string[] = [];
  let requests = 0;
  let images = 0;
  let stopped = false;
  const addImage = () => {
    const tag = `v${(images += 1)}`;
    const layers = [2_000, 30_000].map((size, layer) => ({ size, seed: `${tag} ${layer}` }));
    return { ...upstream.addImage(repository, { tag, seed: tag, layers }), tag };
  };
  const warm = Array.from({ length: 5 }, addImage);

  async function check(path: string, digest: string): Promise<void> {
    requests += 1;
    try {
      const answer = await fetch(rig.urlOf(`${repository}/${path}`));
      const body = Buffer.from(await answer.arrayBuffer());
      if (answer.status !== 200) throw new Error(`${answer.status} ${body.toString()}`);
      if (digestOf(body) !== digest) throw new Error('wrong bytes');
    } catch (error) {
      const { message, cause } = error as Error;
      failures.push(`${path}: ${message} ${cause instanceof Error ? cause.message : ''}`);
    }
  }

  async function pull({ digest, config, layers }: AddedImage, reference: string): Promise<void> {
    await check(`manifests/${reference}`, digest);
    for (const blob of [config, ...layers]) await check(`blobs/${blob.digest}`, blob.digest);
  }

  const client = async () => {
    while (!stopped) {
      const image = random.between(0, 9) === 0 ? addImage() : random.pick(warm);
      await pull(image, random.pick([image.tag, image.digest]));
    }
  };
  const running = Promise.all(Array.from({ length: clients }, client));
  return {
    requests: () => requests,
    async stop() {
      stopped = true;
      await running;
      return { requests, failures };
    },
  };
}

const isPulled = async (at: { readonly url: string }, name: string) =>
  (await fetch(`${at.url}/v2/${repository}/manifests/${name}?ns=second.example`)).status;

/** Returns true if the worker has opened the upstream. */
const isOpen = async ({ metricsUrl }: { readonly metricsUrl: string }) =>
  (await (await fetch(`${metricsUrl}/metrics`)).text()).includes('upstream_endpoint_state{upstream="second.example"');

test('no request of ten thousand fails while the configuration is reloaded', async (t) => {
  const load = startLoad();
  t.after(() => load.stop());
  const { 'docker.io': docker } = original.upstreams;
  const added = { upstreams: { ...original.upstreams, 'second.example': { url: second.url } } };
  let reloads = 0;
  for (let round = 1; load.requests() < wantedRequests; round += 1) {
    const names = cluster.frontends.map(({ name }) => `${name}-${round}`);
    for (const tag of names) second.addImage(repository, { tag, seed: tag });

    // A new upstream. It is reachable on every node when the command has ended.
    const first = await reload(added);
    t.diagnostic(`a new upstream was reachable on all nodes after ${first.tookMs} ms`);
    assert.deepEqual([first.code, first.results], [0, ['applied']], JSON.stringify(first.answer));
    const statuses = await Promise.all(cluster.frontends.map((at, number) => isPulled(at, names[number] ?? '')));
    assert.deepEqual(statuses, [200, 200]);
    assert.deepEqual(await Promise.all(cluster.workers.map(isOpen)), [true, true]);

    // Other settings of the upstream that is in use, its connections included.
    const changed = {
      ...docker,
      ttl: `${1 + (round % 2)}s`,
      maxconnections: 60 + (round % 2),
      username: `user-${round}`,
      password: 'x',
    };
    const rules = [{ action: 'deny', images: ['docker.io/library/secret'], reason: `round ${round}` }];
    const limits = { connections: 500, requestsperminute: 1_000_000 + round };
    const next = await reload({
      ...added,
      upstreams: { ...added.upstreams, 'docker.io': changed },
      access: { rules },
      limits,
      log: { ...original['log'], level: round % 2 === 0 ? 'info' : 'warn' },
    });
    assert.deepEqual([next.code, next.results], [0, ['applied']], JSON.stringify(next.answer));
    const denied = await Promise.all(
      cluster.frontends.map(async ({ url }) => (await fetch(`${url}/v2/library/secret/manifests/1`)).text()),
    );
    for (const body of denied) assert.match(body, new RegExp(`round ${round}`));

    // An invalid file keeps everything as it is, on all nodes.
    const invalid = await reload({ ...added, access: { rules: [{ action: 'maybe' }] } });
    assert.deepEqual([invalid.code, invalid.results], [2, ['rejected']]);
    for (const { reason } of invalid.answer.nodes) assert.match(reason ?? '', /access\.rules\[0\]\.action/);

    const last = await reload({});
    assert.deepEqual([last.code, last.results], [0, ['applied']], JSON.stringify(last.answer));
    assert.deepEqual(await Promise.all(cluster.frontends.map((at) => isPulled(at, names[0] ?? ''))), [404, 404]);
    reloads += 4;
  }
  const { requests, failures } = await load.stop();
  t.diagnostic(`${requests} requests during ${reloads} reloads, ${failures.length} failed`);
  assert.deepEqual(failures, []);
  const errors = [...loggedAt('error', nodes), ...loggedAt('fatal', nodes)];
  assert.deepEqual(
    errors.filter((line) => !line.includes('configuration rejected')),
    [],
  );
});

const status = async () => (await runCommand(['status', '--config', validCopy, '--url', admin.url])).stdout;

test('a node with another configuration is named', async () => {
  await writeFile(cluster.configFile, JSON.stringify({ ...original, limits: { connections: 400 } }));
  cluster.frontends[0]?.sendSignal('SIGHUP');
  const sentence = new RegExp(`The settings of \\S+:${cluster.frontends[0]?.port} are not those of most nodes\\.`);
  await until('the node is named', async () => sentence.test(await status()));
  await reload({});
  await until('no node is named', async () => !(await status()).includes('not those of most nodes'));
});
