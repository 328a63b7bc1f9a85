// Tests our own token server: every frontend accepts tokens of the others, and the signing keys are readable nowhere.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sendRequest } from '../src/send-request.ts';
import { basic, openClusterStage } from './cluster-stage.ts';

const password = 'password-of-ada';
const stage = await openClusterStage({ after }, { password, auth: { tokenserver: { lifetime: '10m' } } });
const image = stage.upstream.addImage('library/app', { tag: 'latest' });
const [one, other] = stage.frontends;

async function tokenFrom(frontend: { readonly url: string }, name: string): Promise<string> {
  const path = `/token?service=cistern&scope=repository:${name}:pull`;
  const answer = await sendRequest(frontend.url + path, { headers: basic('ada', password) });
  assert.equal(answer.status, 200);
  return (JSON.parse(answer.body.toString()) as { readonly token: string }).token;
}

const pull = (frontend: { readonly url: string }, path: string, token: string) =>
  sendRequest(frontend.url + path, { headers: { authorization: `Bearer ${token}` } });

const paths = ['/v2/', '/v2/library/app/manifests/latest', `/v2/library/app/blobs/${image.layers[0]!.digest}`];

test('all frontends accept a token of one of them, also frontends that start later', async () => {
  const token = await tokenFrom(one, 'library/app');
  for (const frontend of [one, other, await stage.startFrontend()])
    for (const path of paths) assert.equal((await pull(frontend, path, token)).status, 200, path);
  const fromOther = await tokenFrom(other, 'library/app');
  for (const path of paths) assert.equal((await pull(one, path, fromOther)).status, 200, path);
});

test('a response without a token names the token server at the requested host', async () => {
  const answer = await sendRequest(`${one.url}/v2/library/app/manifests/latest`);
  assert.equal(answer.status, 401);
  const expected = `Bearer realm="${one.url}/token",service="cistern",scope="repository:library/app:pull"`;
  assert.equal(answer.headers['www-authenticate'], expected);
});

test('all frontends sign with one key, which is readable neither in the store nor in Redis', async () => {
  const keys = await readdir(join(stage.rootDirectory, 'cistern/state/token-keys'));
  assert.equal(keys.length, 1);
  const token = await tokenFrom(one, 'library/app');
  const stored = await stage.stored();
  for (const secret of [password, token, basic('ada', password).authorization.slice('Basic '.length)])
    assert.ok(!stored.includes(secret));
  assert.doesNotMatch(stored, /createdAtMs":\d+,"secret/);
});

test('no log contains a token or a password', async () => {
  const token = await tokenFrom(other, 'library/app');
  await pull(other, paths[1]!, token);
  await pull(other, `${paths[1]!}?token=${token}`, 'wrong-token');
  const log = [one, other].flatMap((node) => node.log()).join('\n');
  assert.match(log, /"user":"ada"/);
  for (const secret of [token, token.split('.')[2]!, password, 'wrong-token']) assert.ok(!log.includes(secret));
});
