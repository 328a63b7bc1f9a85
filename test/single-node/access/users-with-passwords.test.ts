// Tests registry:2's `auth.htpasswd`: only its users pull, and the operator may change the file while clients pull.
import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bcryptHash } from '@cistern/test-servers';
import { assertRefused } from '../src/assert-refused.ts';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const directory = await openDirectory({ after });
const path = join(directory, 'htpasswd');
const upstream = await openUpstream({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const passwords = { ada: 'pässword-of-ada', bob: 'password-of-bob', changed: 'another-of-ada', wrong: 'gu3ssed' };

async function writeUsers(users: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(users).map(async ([user, password]) => `${user}:${await bcryptHash(password)}\n`);
  await writeFile(`${path}.new`, (await Promise.all(lines)).join(''));
  await rename(`${path}.new`, path);
}

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

await writeUsers({ ada: passwords.ada, bob: passwords.bob });
const webhook = { provider: 'generic', secret: 'secret-of-the-webhook' };
const cistern = await openCistern(
  { after },
  {
    config: {
      ...cacheOf(upstream),
      auth: { htpasswd: { realm: 'The cache', path } },
      webhooks: { pushed: webhook },
      log: { level: 'debug', formatter: 'json' },
    },
  },
);
const paths = [
  '/v2/',
  '/v2/_catalog',
  '/v2/library/app/manifests/latest',
  '/docker.io/v2/library/app/manifests/latest',
  `/v2/app/manifests/${image.digest}?ns=docker.io`,
  `/v2/library/app/blobs/${image.layers[0]!.digest}`,
  '/v2/library/app/tags/list',
];

test('only users pull, by every path, also cached content', async () => {
  for (const shape of paths)
    for (const [user, password] of [
      ['ada', passwords.ada],
      ['bob', passwords.bob],
    ] as const) {
      const { status } = await sendRequest(cistern.url + shape, { headers: basic(user, password) });
      assert.equal(status, 200, shape);
    }
  const strangers = [{}, basic('ada', passwords.wrong), basic('eve', passwords.ada), { authorization: 'Bearer x' }];
  for (const shape of paths)
    for (const headers of strangers) {
      const answer = await sendRequest(cistern.url + shape, { headers });
      assertRefused(answer, 401, 'UNAUTHORIZED', shape);
      assert.equal(answer.headers['www-authenticate'], 'Basic realm="The cache"');
    }
});

test('requests to the upstream contain no credentials of clients', () => {
  for (const { headers } of upstream.requests()) assert.equal(headers.authorization, undefined);
});

test('metrics, health and webhooks need no user', async () => {
  for (const endpoint of ['/metrics', '/healthz', '/readyz'])
    assert.equal((await sendRequest(cistern.metricsUrl + endpoint)).status, 200);
  const hook = `${cistern.url}/webhooks/pushed`;
  assert.equal((await sendRequest(hook, { method: 'POST', headers: basic('ada', passwords.ada) })).status, 403);
  const headers = { authorization: `Bearer ${webhook.secret}` };
  assert.notEqual((await sendRequest(hook, { method: 'POST', headers })).status, 403);
});

const statusAs = async (user: string, password: string) =>
  (await sendRequest(`${cistern.url}/v2/`, { headers: basic(user, password) })).status;

test('a changed file is read again, and a missing file rejects no user', async () => {
  await writeUsers({ ada: passwords.changed });
  assert.equal(await statusAs('ada', passwords.ada), 401);
  assert.equal(await statusAs('bob', passwords.bob), 401);
  assert.equal(await statusAs('ada', passwords.changed), 200);
  await rm(path);
  assert.equal(await statusAs('ada', passwords.changed), 200);
  await until('the failure is logged', () =>
    cistern.log().some((line) => line.includes('failed to reload authentication file')),
  );
  await writeUsers({ ada: passwords.ada });
  assert.equal(await statusAs('ada', passwords.ada), 200);
});

test('password guesses are locked out', async () => {
  const statuses = new Set<number>();
  for (let guess = 0; guess < 12; guess += 1)
    statuses.add(
      (await sendRequest(`${cistern.url}/v2/`, { headers: basic('mallory', `${passwords.wrong}${guess}`) })).status,
    );
  assert.deepEqual([...statuses], [401, 503]);
  const metrics = await readMetrics(cistern);
  assert.equal(metrics.get('cistern_authentications_total{method="password",result="locked-out"}'), 2);
});

test('the logs name the user, and contain no password', async () => {
  const last = await sendRequest(`${cistern.url}/v2/`, { headers: basic('ada', passwords.ada) });
  await until('the line is written', () =>
    cistern.log().some((line) => line.includes(String(last.headers['x-request-id']))),
  );
  const log = cistern.log().join('\n');
  assert.match(log, /"user":"bob"/);
  assert.match(log, /"denied":"the user name or the password is wrong"/);
  assert.match(log, /"denied":"too many wrong passwords"/);
  assert.doesNotMatch(log, /"user":"eve"|mallory/, 'an unproven name');
  for (const password of Object.values(passwords)) {
    assert.ok(!log.includes(password));
    assert.ok(!log.includes(Buffer.from(`ada:${password}`).toString('base64').slice(0, 20)));
  }
});

test('a start fails without a readable users file', async () => {
  const file = join(directory, 'config.yml');
  const missing = join(directory, 'missing');
  await writeFile(file, `auth: { htpasswd: { realm: r, path: ${missing} } }\n`);
  const run = await runCistern(['serve', '--data', join(directory, 'data'), file]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /auth\.htpasswd\.path: the file \S+missing does not exist; create it: cistern user add/);
});
