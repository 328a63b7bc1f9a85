// Tests registry:2's `auth.token`: clients get tokens from another server, and this cache trusts that server's
// signature.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeAuthority } from '@cistern/tls/testing/make-authority';
import { SignJWT } from 'jose';
import { assertRefused } from '../src/assert-refused.ts';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const directory = await openDirectory({ after });
const bundle = join(directory, 'bundle.pem');
const authority = await makeAuthority();
const signer = await authority.issue(['DNS:auth.test']);
await writeFile(bundle, authority.certificate);
const upstream = await openUpstream({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
upstream.addImage('library/other', { tag: 'latest' });

const auth = {
  token: { realm: 'https://auth.test/token', service: 'cache.test', issuer: 'auth.test', rootcertbundle: bundle },
};
const log = { level: 'debug', formatter: 'json' };
const cistern = await openCistern({ after }, { config: { ...cacheOf(upstream), auth, log } });

type Access = readonly { readonly type: string; readonly name: string; readonly actions: readonly string[] }[];
const pullOf = (name: string) => ({ type: 'repository', name, actions: ['pull'] });

async function tokenFor(access: Access, { certificate, key } = signer): Promise<string> {
  const chain = { x5c: [new X509Certificate(certificate).raw.toString('base64')] };
  return new SignJWT({ access })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...chain })
    .setIssuer('auth.test')
    .setAudience('cache.test')
    .setSubject('ada')
    .setExpirationTime('5m')
    .sign(createPrivateKey(key));
}

const request = (path: string, token?: string) =>
  sendRequest(cistern.url + path, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

const manifest = '/v2/library/app/manifests/latest';

test('clients are sent to the token server with the scope that they need', async () => {
  const here = 'Bearer realm="https://auth.test/token",service="cache.test"';
  for (const [path, challenge] of [
    ['/v2/', here],
    [manifest, `${here},scope="repository:library/app:pull"`],
    ['/v2/_catalog', `${here},scope="registry:catalog:*"`],
  ] as const) {
    const answer = await request(path);
    assertRefused(answer, 401, 'UNAUTHORIZED');
    assert.equal(answer.headers['www-authenticate'], challenge);
  }
  assert.equal((await request('/token')).status, 404);
});

test('a token grants access to its scope, and to nothing else', async () => {
  const token = await tokenFor([pullOf('library/app')]);
  const blob = `/v2/library/app/blobs/${image.layers[0]!.digest}`;
  const fullName = '/v2/docker.io/library/app/manifests/latest';
  for (const path of ['/v2/', manifest, fullName, blob, '/v2/library/app/tags/list'])
    assert.equal((await request(path, token)).status, 200, path);
  for (const path of ['/v2/library/other/manifests/latest', '/v2/_catalog']) {
    const answer = await request(path, token);
    assertRefused(answer, 401, 'UNAUTHORIZED', path);
    assert.match(String(answer.headers['www-authenticate']), /error="insufficient_scope"$/, path);
  }
  const listing = await tokenFor([{ type: 'registry', name: 'catalog', actions: ['*'] }]);
  assert.equal((await request('/v2/_catalog', listing)).status, 200);
});

test('tokens of other servers, and passwords, are rejected', async () => {
  const stranger = await (await makeAuthority()).issue(['DNS:auth.test']);
  const answer = await request(manifest, await tokenFor([pullOf('library/app')], stranger));
  assertRefused(answer, 401, 'UNAUTHORIZED');
  assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"$/);
  const basic = { authorization: `Basic ${Buffer.from('ada:x').toString('base64')}` };
  assert.equal((await sendRequest(cistern.url + manifest, { headers: basic })).status, 401);
});

test('the log names the user of a token, and contains no part of the token', async () => {
  const token = await tokenFor([pullOf('library/app')]);
  const answer = await request(manifest, token);
  await until('the line is written', () =>
    cistern.log().some((line) => line.includes(String(answer.headers['x-request-id']))),
  );
  const lines = cistern.log().join('\n');
  assert.match(lines, /"user":"ada"/);
  assert.match(
    lines,
    /"denied":"the certificate chain of the token does not lead to a certificate of auth\.token\.rootcertbundle"/,
  );
  assert.ok(!lines.includes(token.split('.')[2]!));
});

const start = async (of: object) => {
  const file = join(directory, 'config.yml');
  await writeFile(file, JSON.stringify({ auth: of }));
  return runCistern(['serve', '--data', join(directory, 'data'), file]);
};

test('a start fails without the keys, and with other authentication methods', async () => {
  await rm(bundle);
  const missing = await start(auth);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /auth\.token: the file \S+bundle\.pem does not exist/);
  const both = await start({ ...auth, robots: true });
  assert.equal(both.code, 1);
  assert.match(both.stderr, /auth\.token: excludes the other keys of auth/);
});
