// Checks the same table on a cluster, through each of its frontends, and the contents of Redis and the logs afterwards.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openCluster } from '../cluster-nodes/open-cluster.ts';
import { startNodeProcess } from '../cluster-nodes/start-node.ts';
import { readRedis } from '../src/read-redis.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import {
  ada,
  requestAs,
  basic,
  bob,
  checkSharedUpstream,
  checkTable,
  openPrivateUpstreams,
  robot,
  shapes,
  tokenOf,
} from './private-table.ts';

const stage = await openPrivateUpstreams({ after }, 'bearer');
const cluster = await openCluster({ after }, { config: { upstreams: stage.upstreams } });
/** Runs alongside another worker, and is killed later. */
const mortal = await startNodeProcess({ after }, 'worker', cluster.configFile);
const nodes = [...cluster.frontends, ...cluster.workers, mortal];
const urls = cluster.frontends.map(({ url }) => url);

const get = (url: string, user: typeof ada) =>
  requestAs(url, shapes['root']!('team/secret', 'manifests/latest'), { method: 'GET' }, basic(user));

/** Waits until the cluster serves pulls. A cluster may be ready while it still has other work, and then answers 503. */
async function warm(): Promise<void> {
  for (const url of urls)
    for (const user of [ada, bob])
      await until(`${url} answers ${user.username}`, async () => (await get(url, user)).status !== 503);
}

test('a cluster of two frontends and two workers enforces the table of access', async () => {
  await warm();
  const credentials = ['password', 'our token', "upstream's token", 'nothing'] as const;
  // A frontend reads names like a single process, which is tested with all shapes.
  const cells = await checkTable(stage, urls, credentials, ['root', 'host']);
  assert.ok(cells > 150, `${cells} cells`);
  await checkSharedUpstream(stage, urls);
});

test('each frontend accepts tokens of the other, and knows callers that the other authorized', async () => {
  const authorization = await tokenOf(urls[0]!, basic(ada));
  const before = stage.upstream.count();
  for (const url of urls) {
    const answer = await sendRequest(`${url}/v2/team/secret/manifests/${stage.secret.digest}`, {
      headers: { authorization },
    });
    assert.equal(answer.status, 200);
  }
  assert.equal(stage.upstream.count(), before);
});

function guess(at: number) {
  const shaped = shapes['prefix before']!('team/secret', 'manifests/latest');
  return requestAs(
    urls[at % 2]!,
    shaped,
    { method: 'GET' },
    basic({ username: ada.username, password: `guess-${at}` }),
  );
}

test('guesses at both frontends count together, and a caller that the upstream accepted keeps access', async () => {
  const before = stage.upstream.count({ endpoint: 'token' });
  const answers = [];
  for (let at = 0; at < 14; at += 1) answers.push(await guess(at));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [...Array.from({ length: 10 }, () => 401), 429, 429, 429, 429],
  );
  assert.equal(stage.upstream.count({ endpoint: 'token' }) - before, 10);
  const last = answers.at(-1)!;
  assert.equal(last.headers['retry-after'], '60');
  assert.match(last.body.toString(), /Too many wrong passwords .* from your network.* in 10 min/);
  for (const url of urls) assert.equal((await get(url, ada)).status, 200);
});

test('no credentials of a caller are stored or logged', async () => {
  const inRedis = await readRedis(cluster.redis);
  assert.match(inRedis, /access\/private\.test\//, 'access that an upstream granted is remembered');
  const metrics = await Promise.all(nodes.map(async ({ debugUrl }) => sendRequest(`${debugUrl}/metrics`)));
  const output = [inRedis, ...nodes.flatMap((node) => node.log()), ...metrics.map(({ body }) => body.toString())].join(
    '\n',
  );
  assert.match(output, /cistern_access_checks_total\{upstream="private.test",result="remembered"\} [1-9]/);
  for (const { username, password } of [robot, ada, bob])
    for (const secret of [password, basic({ username, password }).slice('Basic '.length)])
      assert.ok(!output.includes(secret), secret);
});

test('a dead worker does not block any caller', async () => {
  await mortal.kill();
  const other = { ...ada, username: 'robot', password: robot.password };
  await until('the other worker is found', async () => (await get(urls[0]!, other)).status === 200);
  assert.equal((await get(urls[1]!, bob)).status, 401);
});
