import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fixedCredentials, passwordFile } from '../credentials/credential-source.ts';
import { type Answer, sendJson, startServer } from '../testing/scripted-server.ts';
import { probeRegistry } from './probe-registry.ts';

const good = fixedCredentials('good', { username: 'me', password: 's3cret' });
const bad = fixedCredentials('bad', { username: 'me', password: 'guessed' });
const gone = passwordFile({ name: 'gone', username: 'me', path: '/nowhere/password' });
const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;

async function probe(t: TestContext, answer: Answer, credentials = [good, bad, gone]) {
  const server = await startServer(t, answer);
  const options = { name: 'a.test', url: server.url, allowPrivate: false, credentials, proxy: () => undefined };
  const probed = probeRegistry({ ...options, instanceId: 'x', version: '1.2.3' }, new AbortController().signal);
  return { server, probed };
}

const resultsOf = (accounts: readonly { readonly name: string; readonly result: string }[]) =>
  accounts.map(({ name, result }) => `${name} ${result}`);

test('each account is tried at the token server that the registry names', async (t) => {
  const tokens = await startServer(t, ({ headers, url = '' }, response) => {
    assert.match(url, /^\/token\?service=registry$/);
    sendJson(response, headers.authorization === basic ? 200 : 401, { token: 'x' });
  });
  const challenge = `Bearer realm="${tokens.url}/token",service="registry"`;
  const { server, probed } = await probe(t, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': challenge, date: 'Thu, 01 Jan 2026 00:00:00 GMT' }).end();
  });
  const { accounts, ...rest } = await probed;
  assert.deepEqual(rest, { status: 401, date: 'Thu, 01 Jan 2026 00:00:00 GMT', tokenServer: new URL(tokens.url).host });
  assert.deepEqual(resultsOf(accounts), ['good accepted', 'bad failed', 'gone failed']);
  assert.match(accounts[1]?.failure ?? '', /refused the configured credentials/);
  assert.match(accounts[2]?.failure ?? '', /\/nowhere\/password cannot be read \(ENOENT\)/);
  // The registry itself gets no password.
  assert.deepEqual(
    server.requests.map(({ path, headers }) => [path, headers.authorization]),
    [['/v2/', undefined]],
  );
});

test('each account is tried at a registry with Basic', async (t) => {
  const { probed } = await probe(t, ({ headers }, response) => {
    if (headers.authorization === basic) response.writeHead(200).end('{}');
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  });
  assert.deepEqual(resultsOf((await probed).accounts), ['good accepted', 'bad failed', 'gone failed']);
});

test('a registry that asks for no credentials leaves them unchecked', async (t) => {
  const { probed } = await probe(t, (_request, response) => void response.writeHead(200).end('{}'), [good]);
  assert.deepEqual(resultsOf((await probed).accounts), ['good unchecked']);
});

test('no registry, an unreachable one, and an untrusted token server are rejected', async (t) => {
  const { probed } = await probe(t, (_request, response) => void response.writeHead(404).end());
  await assert.rejects(probed, {
    kind: 'upstream-unreachable',
    message: /answered 404 to GET \/v2\/, so it is no registry/,
  });
  const broken = await probe(t, (_request, response) => void response.destroy());
  await assert.rejects(broken.probed, { kind: 'upstream-unreachable' });
  const elsewhere = await probe(
    t,
    (_request, response) =>
      void response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://evil.test/token"' }).end(),
    [good],
  );
  const { accounts } = await elsewhere.probed;
  assert.match(accounts[0]?.failure ?? '', /requires a token of an untrusted server/);
});
