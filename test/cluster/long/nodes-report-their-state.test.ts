// The state of a real cluster at the admin node. It shows all live nodes and a fill with its progress, and the
// last view while Redis is unavailable. The test also measures the cost for Redis.
import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '@cistern/single-node/until';
import { createGate } from '@cistern/fake-upstream';
import { type ClusterNode, startAdminNode } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';
import { recordCommands } from '../src/record-commands.ts';

const mebibyte = 1024 * 1024;
const size = 32 * mebibyte;

interface AdminResponse {
  readonly nodes: readonly { readonly name: string; readonly role: string; readonly state: string }[];
  readonly fills: readonly {
    readonly digest: string;
    readonly node: string;
    readonly bytes: number;
    readonly size: number;
    readonly readers: number;
  }[];
  readonly requests: { readonly total: number; readonly misses: number; readonly hits: number };
  readonly message: string;
  readonly view: { readonly isCurrent: boolean };
  readonly problems: readonly { readonly kind: string; readonly part: string; readonly node: string | null }[];
}

/** Returns the port of a name such as `machine:5000`. */
const endOf = (name: string) => name.slice(name.lastIndexOf(':'));
const expected = (running: readonly ClusterNode[]) => running.map(({ kind, port }) => `${kind}:${port}`).toSorted();

test('the admin node lists nodes and fills as long as they exist', async (t) => {
  const { cluster, nodes, upstream, urlOf } = await openClusterRig(t, { cluster: { frontends: 2, workers: 2 } });
  const admin = await startAdminNode(cluster);
  t.after(() => admin.stop());
  const { cluster: config } = JSON.parse(await readFile(cluster.configFile, 'utf8')) as {
    readonly cluster: { readonly secret: string };
  };
  const token = Buffer.from(hkdfSync('sha256', config.secret, '', 'cistern admin v1', 32)).toString('base64url');
  const headers = { authorization: `Bearer ${token}` };
  const get = async (path: string, status = 200): Promise<AdminResponse> => {
    const answer = await fetch(`${admin.url}${path}`, { headers });
    const text = await answer.text();
    for (const secret of [config.secret, token, cluster.s3.secretKey]) assert.ok(!text.includes(secret), path);
    assert.equal(answer.status, status, text);
    return JSON.parse(text) as AdminResponse;
  };
  const seen = async (wanted = 'running') =>
    (await get('/v1/nodes')).nodes
      .filter(({ state }) => state === wanted)
      .map(({ name, role }) => `${role}${endOf(name)}`);

  await until('all nodes are seen', async () => (await seen()).length === 5);
  assert.deepEqual((await seen()).toSorted(), expected([...nodes, admin]));

  const { digest } = upstream.addBlob('library/app', { size, seed: 1 });
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET', times: 1 }, { gate });
  gate.allow(size / 4);
  const pulled = cluster.frontends.map(async (at) => {
    const answer = await fetch(urlOf(`library/app/blobs/${digest}`, at));
    return (await answer.arrayBuffer()).byteLength;
  });
  const fill = async () => (await get('/v1/fills')).fills.find((one) => one.digest === digest);
  await until('a quarter is cached, and both frontends read', async () => {
    const now = await fill();
    return now?.bytes === size / 4 && now.readers === 2 && now.size === size;
  });
  const events = await fetch(`${admin.url}/v1/events`, { headers });
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader() ?? assert.fail();
  let received = '';
  const untilReceived = async (words: string) => {
    while (!received.includes(words)) received += (await reader.read()).value ?? assert.fail(`ended without ${words}`);
  };
  await untilReceived(`"bytes":${size / 4}`);
  gate.allow(size / 4);
  await untilReceived(`"bytes":${size / 2}`);
  await reader.cancel();
  const filling = await fill();
  const worker =
    cluster.workers.find(({ port }) => filling?.node.endsWith(`:${port}`)) ?? assert.fail('no such worker');
  gate.allow(size);
  assert.deepEqual(await Promise.all(pulled), [size, size]);
  await until('the fill is over', async () => (await fill()) === undefined);
  await until('the requests have been counted', async () => (await get('/v1/overview')).requests.total === 2);
  assert.ok((await get('/v1/overview')).requests.misses >= 1);

  const commands = await recordCommands(cluster.redis);
  t.after(() => commands.stop());
  // real-time: the figure is printed; nothing asserts it
  const [measuredMs, before] = [20_000, performance.now()];
  // real-time: counts the commands of an idle node over some time
  await delay(measuredMs);
  // real-time: the figure is printed; nothing asserts it
  const seconds = (performance.now() - before) / 1000;
  const lines = commands.text().split('\n');
  commands.stop();
  const reports = lines.filter(
    (line) => /"evalsha"/i.test(line) && line.includes('{n}:reports') && line.includes('schema'),
  );
  const inside = lines.filter((line) => / lua\]/.test(line) && line.includes('{n}:'));
  const bytes = Math.max(...reports.map(({ length }) => length));
  const perSecond = (count: number) => (count / seconds / 5).toFixed(2);
  t.diagnostic(
    `an idle node: ${perSecond(reports.length)} reports a second, ${perSecond(inside.length)} commands inside them; ${bytes} bytes at most`,
  );
  assert.ok(reports.length > 0);

  await worker.kill();
  await until('the killed worker is not seen anymore', async () => (await seen()).length === 4);
  assert.deepEqual((await seen()).toSorted(), expected([...nodes, admin].filter((node) => node !== worker)));
  const first = cluster.frontends[0] ?? assert.fail('no frontend');
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
  await until('the stopped frontend is not seen anymore', async () => (await seen()).length === 3);
  assert.deepEqual(await seen('lost'), expected([worker]));
  assert.deepEqual(await seen('stopped'), expected([first]));
  await Promise.all([worker.start(), first.start()]);
  await until('both are seen again', async () => (await seen()).length === 5);

  const image = upstream.addImage('library/warm', { tag: 'latest', seed: 'warm' });
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  await cluster.redis.stop();
  await until('the last view is marked', async () => !(await get('/v1/overview')).view.isCurrent);
  const { problems, requests } = await get('/v1/overview');
  assert.partialDeepStrictEqual(problems, [{ kind: 'index-unavailable', part: 'index', node: null }]);
  assert.equal(problems.length, 1);
  assert.ok(requests.total > 0);
  assert.equal((await seen()).length, 5);
  assert.match((await get('/v1/jobs', 503)).message, /index|Redis/i);
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  await cluster.redis.start();
  await until('all nodes are seen again', async () => (await seen().catch(() => [])).length === 5);
});
