import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '@cistern/config';
import type { TagKey } from '@cistern/index';
import { startFrontend } from '../testing/start-frontend.ts';
import * as payloads from './fixtures/payloads.ts';

const secret = 'the secret of its sender';

async function startWebhooks(t: TestContext) {
  const hooks = ['docker-hub', 'github', 'distribution', 'generic'];
  const env = Object.fromEntries(
    hooks.flatMap((provider) => [
      [`REGISTRY_WEBHOOKS_${provider}_PROVIDER`, provider],
      [`REGISTRY_WEBHOOKS_${provider}_SECRET`, secret],
    ]),
  );
  const { webhooks } = loadConfig({ env, defaults: { rootDirectory: '/nowhere' } });
  const pushed: string[] = [];
  const pushes = {
    note: ({ upstream, repository, tag }: TagKey) => void pushed.push(`${upstream}/${repository}:${tag}`),
    async close() {},
  };
  const frontend = await startFrontend(t, { webhooks: { webhooks, pushes }, accessLog() {} });

  async function send(path: string, body: object | string, headers: Readonly<Record<string, string>> = {}) {
    const answer = await fetch(`${frontend.url}/webhooks/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }
  return { ...frontend, pushed, send };
}

function sign(body: object | string, key = secret) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { 'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(text).digest('hex')}` };
}

const bearer = { authorization: `Bearer ${secret}` };
const taken = (number: number) => ({ status: 202, body: { taken: number } });

test('Docker Hub reports a push with its secret in the URL', async (t) => {
  const { send, pushed, logText, accessLines } = await startWebhooks(t);
  assert.deepEqual(await send(`docker-hub?token=${encodeURIComponent(secret)}`, payloads.dockerHub), taken(1));
  assert.deepEqual(pushed, ['docker.io/harbourside/ferry:2.4']);
  assert.ok(
    !/secret of its sender|secret%20of%20its/.test(logText() + accessLines.join('\n')),
    'the secret is in no log',
  );
  assert.match(accessLines.join('\n'), /POST \/webhooks\/docker-hub\?token=\[redacted\]/);
});

test('GitHub reports a package by either event, with a signature', async (t) => {
  const { send, pushed } = await startWebhooks(t);
  for (const payload of [payloads.githubRegistryPackage, payloads.githubPackageUpdated])
    assert.deepEqual(await send('github', payload, sign(payload)), taken(1));
  assert.deepEqual(pushed, ['ghcr.io/harbourside/ferry:v2.4', 'ghcr.io/harbourside/ferry:v2.4']);
  for (const payload of [payloads.githubUntagged, payloads.githubPing])
    assert.deepEqual(await send('github', payload, sign(payload)), taken(0));
  assert.equal(pushed.length, 2);
});

test('a registry’s notifications report pushes of tags, and other events are ignored', async (t) => {
  const { send, pushed } = await startWebhooks(t);
  const headers = { ...bearer, 'content-type': 'application/vnd.docker.distribution.events.v2+json' };
  assert.deepEqual(await send('distribution', payloads.distribution, headers), taken(2));
  assert.deepEqual(pushed, ['docker.io/harbourside/ferry:2.4', 'docker.io/library/other:latest']);
});

test('a generic sender with the secret reports one tag or several', async (t) => {
  const { send, pushed } = await startWebhooks(t);
  const one = { repository: 'team/app', tag: 'v1' };
  assert.deepEqual(await send('generic', one, bearer), taken(1));
  assert.deepEqual(await send('generic', one, sign(one)), taken(1));
  assert.deepEqual(await send('generic', { repository: 'team/app', tags: ['a', 'b'] }, bearer), taken(2));
  assert.deepEqual(new Set(pushed), new Set(['docker.io/team/app:v1', 'docker.io/team/app:a', 'docker.io/team/app:b']));
});

test('a sender without the secret is rejected, whatever its payload', async (t) => {
  const { send, pushed, metrics } = await startWebhooks(t);
  const payload = payloads.githubRegistryPackage;
  const refused: (readonly [string, Readonly<Record<string, string>>])[] = [
    ['github', {}],
    ['github', bearer],
    [`github?token=${encodeURIComponent(secret)}`, {}],
    ['github', sign(payload, 'another secret')],
    ['github', sign('another body')],
    ['github', { 'x-hub-signature-256': '' }],
    ['docker-hub', {}],
    ['docker-hub?token=', {}],
    ['docker-hub?token=wrong', {}],
    ['distribution', { authorization: secret }],
    ['distribution', { authorization: 'Bearer wrong' }],
    ['generic', { ...bearer, 'x-hub-signature-256': 'sha256=00' }],
  ];
  for (const [path, headers] of refused) assert.equal((await send(path, payload, headers)).status, 403, path);
  assert.deepEqual(pushed, []);
  const { values } = await metrics.webhooks.get();
  const count = values.filter(({ labels }) => labels.result === 'refused').reduce((sum, { value }) => sum + value, 0);
  assert.equal(count, refused.length);
});

test('a malformed payload, a too large body and an unknown name get an error', async (t) => {
  const { send, pushed, url } = await startWebhooks(t);
  for (const body of ['', '{', '[]', 'null', '{"repository":"a"}', '{"repository":"a","tag":7}', '{"tag":"a"}'])
    assert.equal((await send('generic', body, bearer)).status, 400, body);
  assert.equal((await send('github', '{"action":"published"}', sign('{"action":"published"}'))).status, 400);
  assert.equal((await send('docker-hub', {}, bearer)).status, 400);
  assert.equal((await send('distribution', {}, bearer)).status, 400);
  assert.deepEqual(await send('generic', { repository: '../etc', tags: ['a b', 'x'] }, bearer), taken(0));
  assert.equal((await send('generic', 'x'.repeat(1024 * 1024 + 1), bearer)).status, 413);
  assert.equal((await send('nothing', {}, bearer)).status, 404);
  assert.equal((await fetch(`${url}/webhooks/generic`)).status, 404);
  assert.deepEqual(pushed, []);
});

test('without a configured webhook, the path is 404', async (t) => {
  const { url } = await startFrontend(t);
  assert.equal((await fetch(`${url}/webhooks/generic`, { method: 'POST', body: '{}' })).status, 404);
});
