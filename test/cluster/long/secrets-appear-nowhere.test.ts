// Runs a cluster with every possible secret, with and without faults. Afterwards no secret is in a log, a metric, a
// response, the store's objects, or a command to Redis.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { bcryptHash, startRedis } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { recordCommands } from '../src/record-commands.ts';
import { viewBucket } from '../src/view-bucket.ts';

const passwords = {
  redis: 'redis-pass-PIe7quai',
  upstream: 'upstream-pass-Ohx4eing',
  user: 'user-pass-eiSh1ahm',
  wrong: 'wrong-pass-Ahn9eeph',
  webhook: 'webhook-secret-aQuo3gei',
  bearer: 'bearer-token-ooPh2thi',
  proxy: 'proxy-pass-Fai8lohz',
};
const directory = await mkdtemp(join(tmpdir(), 'cistern-secrets-'));
after(() => rm(directory, { recursive: true }));
const htpasswd = join(directory, 'htpasswd');
await writeFile(htpasswd, `ada:${await bcryptHash(passwords.user)}\n`);
const redis = await startRedis({ password: passwords.redis });
after(() => redis.close());
const commands = await recordCommands(redis);
after(() => commands.stop());

const { upstream, cluster, nodes, urlOf } = await openClusterRig(
  { after },
  {
    upstream: { auth: { kind: 'bearer', accounts: [{ username: 'fleet', password: passwords.upstream }] } },
    cluster: {
      redis,
      frontends: 2,
      config: {
        log: { level: 'debug', accesslog: { disabled: false } },
        audit: { path: join(directory, 'audit.log') },
        auth: { htpasswd: { realm: 'a cache', path: htpasswd }, tokenserver: {} },
        upstreams: {
          'docker.io': { username: 'fleet', password: passwords.upstream, ttl: '0s', allowprivate: true },
          'proxied.example': { url: 'http://proxied.example', proxy: `http://u:${passwords.proxy}@127.0.0.1:9` },
        },
        webhooks: { pushes: { provider: 'generic', upstream: 'docker.io', secret: passwords.webhook } },
      },
    },
  },
);
const image = upstream.addImage('library/app', { tag: 'latest' });
const other = upstream.addImage('library/other', { tag: 'latest' });
const basic = (password: string) => `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;

const responses: string[] = [];
async function send(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> {
  const answer = await sendRequest(url, { method, headers });
  responses.push(JSON.stringify(answer.headers), answer.body.toString('latin1'));
  return answer.status;
}
const pull = (path: string, authorization = basic(passwords.user)) => send(urlOf(path), { authorization });

async function accessToken(): Promise<string> {
  const scope = encodeURIComponent('repository:library/app:pull');
  const answer = await sendRequest(`${cluster.url}/token?service=cistern&scope=${scope}`, {
    headers: { authorization: basic(passwords.user) },
  });
  assert.equal(answer.status, 200, answer.body.toString());
  return (JSON.parse(answer.body.toString()) as { readonly token: string }).token;
}

let token = '';

test('requests cover all uses of secrets', async () => {
  token = await accessToken();
  const layer = `library/app/blobs/${image.layers[0]!.digest}`;
  upstream.addFault({ endpoint: 'blob' }, { redirectTo: 'other-host' });
  assert.equal(await pull('library/app/manifests/latest'), 200);
  assert.equal(await pull(layer), 200);
  assert.equal(await pull(layer, `Bearer ${token}`), 200);
  assert.equal(await pull(layer, `Bearer ${passwords.bearer}`), 401);
  assert.equal(await pull(layer, basic(passwords.wrong)), 401);
  assert.equal(await send(urlOf(layer)), 401);
  await send(`${cluster.url}/webhooks/pushes?token=${passwords.webhook}`, {}, 'POST');
  await send(`${cluster.url}/webhooks/pushes?token=${passwords.wrong}`, {}, 'POST');
  assert.ok((await pull('library/app/manifests/latest?ns=proxied.example')) >= 500);
  upstream.addFault({ endpoint: 'manifest', times: 3 }, { status: 500 });
  await pull('library/other/manifests/latest');
  upstream.addFault({ endpoint: 'blob', times: 2 }, { resetBeforeHeaders: true });
  await pull(`library/other/blobs/${other.layers[0]!.digest}`);
  upstream.auth.expireTokens();
  upstream.auth.refuseCredentials(true);
  await pull('library/none/manifests/latest');
  upstream.auth.refuseCredentials(false);
  redis.freeze();
  await pull('library/none/manifests/other');
  redis.thaw();
  await until('the cluster has recovered', async () => (await pull('library/app/manifests/latest')) === 200, 30_000);
});

test('no secret appears anywhere', async () => {
  assert.ok(upstream.auth.givenTokens.length > 0);
  const metrics = await Promise.all(nodes.map(async ({ metricsUrl }) => (await fetch(`${metricsUrl}/metrics`)).text()));
  const objects = await viewBucket(cluster).smallObjects();
  for (const node of nodes) await node.stop();
  const { cluster: own } = JSON.parse(await readFile(cluster.configFile, 'utf8')) as { cluster: { secret: string } };
  const places = {
    logs: nodes.flatMap((node) => node.log()).join('\n'),
    audit: await readFile(join(directory, 'audit.log'), 'utf8'),
    metrics: metrics.join('\n'),
    answers: responses.join('\n'),
    objects,
    redis: commands.text(),
  };
  for (const [place, text] of Object.entries(places)) assert.ok(text.length > 500, `${place}: ${text.length}`);
  const secrets = [...Object.values(passwords), own.secret, cluster.s3.secretKey, token, ...upstream.auth.givenTokens];
  for (const secret of secrets)
    for (const form of formsOf(secret))
      for (const [place, text] of Object.entries(places))
        assert.ok(!text.includes(form), `${place} show ${JSON.stringify(form)}: ${around(text, form)}`);
  // A URL signature is as good as a password until it expires.
  for (const [place, text] of Object.entries(places)) assert.doesNotMatch(text, /X-Amz-Signature=[\da-f]{4}/i, place);
});

function formsOf(secret: string): string[] {
  const basicForms = ['ada', 'fleet', 'u'].map((name) => Buffer.from(`${name}:${secret}`).toString('base64'));
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('hex'), ...basicForms];
}

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return text.slice(Math.max(0, at - 200), at + form.length + 50);
}
