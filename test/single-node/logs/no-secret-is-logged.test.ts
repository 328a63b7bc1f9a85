// Tests our credentials, tokens and signed URLs, and those of clients, with and without failures. None is in the log,
// the metrics or a response.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { openWireTap } from '../src/open-wire-tap.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const passwords = {
  bearer: 'hunter2-of-bearer',
  basic: 'correct-horse-of-basic',
  wrong: 'not-the-password-at-all',
  revoked: 'was-right-until-today',
};
const client = {
  basic: Buffer.from('alice:wonderland-password').toString('base64'),
  bearer: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl',
  cookie: 'session-cookie-value-4711',
  query: 'dckr_pat_0123456789abcdefghij',
  signature: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
};
const clientHeaders = [
  { authorization: `Basic ${client.basic}` },
  { authorization: `Bearer ${client.bearer}`, cookie: `sid=${client.cookie}` },
  { 'proxy-authorization': `Basic ${client.basic}`, referer: `http://cache.test/?token=${client.query}` },
];
const clientQuery = `token=${client.query}&access_token=${client.query}&X-Amz-Signature=${client.signature}`;

for (const formatter of ['text', 'json'])
  test(`a ${formatter} log at level debug contains no secret`, async (t) => {
    const bearer = await openUpstream(t, {
      auth: { kind: 'bearer', accounts: [{ username: 'robot', password: passwords.bearer }] },
    });
    const basic = await openUpstream(t, {
      auth: { kind: 'basic', accounts: [{ username: 'robot', password: passwords.basic }] },
    });
    const revoked = await openUpstream(t, {
      auth: { kind: 'bearer', accounts: [{ username: 'robot', password: passwords.revoked }] },
    });
    const taps = await Promise.all([bearer, basic, revoked].map(({ url }) => openWireTap(t, url)));
    const [bearerTap, basicTap, revokedTap] = taps;
    const cistern = await openCistern(t, {
      config: {
        log: { level: 'debug', formatter },
        upstreams: {
          'docker.io': {
            url: bearerTap!.url,
            username: 'robot',
            password: passwords.bearer,
            ttl: '0s',
            allowprivate: true,
          },
          'basic.test': { url: basicTap!.url, username: 'robot', password: passwords.basic },
          'wrong.test': { url: basic.url, username: 'robot', password: passwords.wrong },
          'revoked.test': { url: revokedTap!.url, username: 'robot', password: passwords.revoked },
        },
      },
    });
    const answers: string[] = [];
    const pull = async (upstream: string, path: string, query = '') => {
      for (const headers of clientHeaders) {
        const answer = await sendRequest(`${cistern.url}/v2/${upstream}/library/app/${path}?${query}`, { headers });
        answers.push(JSON.stringify(answer.headers) + answer.body.toString('latin1'));
      }
    };

    const image = bearer.addImage('library/app', {
      tag: 'latest',
      layers: [1, 2, 3, 4].map((seed) => Buffer.alloc(99, seed)),
    });
    const [moved, denied, broken, plain] = image.layers.map(({ digest }) => digest);
    for (const digest of [moved, denied, broken])
      bearer.addFault({ endpoint: 'blob', digest: digest! }, { redirectTo: 'other-host' });
    bearer.addFault({ endpoint: 'redirected-blob', digest: denied! }, { status: 403 });
    bearer.addFault({ endpoint: 'redirected-blob', digest: broken! }, { resetBeforeHeaders: true });
    await pull('docker.io', 'manifests/latest', clientQuery);
    for (const digest of [moved, denied, broken, plain]) await pull('docker.io', `blobs/${digest}`);
    await pull('docker.io', 'tags/list', clientQuery);
    await pull('docker.io', 'manifests/missing');

    basic.addImage('library/app', { tag: 'latest' });
    revoked.addImage('library/app', { tag: 'latest' });
    await pull('basic.test', 'manifests/latest');
    await pull('wrong.test', 'manifests/latest');
    await pull('revoked.test', 'manifests/latest');
    revoked.auth.refuseCredentials(true);
    revoked.auth.expireTokens();
    await pull('revoked.test', 'manifests/other');
    await bearer.refuseConnections();
    await pull('docker.io', 'manifests/latest');
    await pull('docker.io', 'manifests/other');

    const wire = taps.map((tap) => tap.text()).join('\n');
    const matchesOf = (pattern: RegExp) => [...wire.matchAll(pattern)].map(([, value]) => value!);
    const sent = {
      basic: matchesOf(/^authorization: Basic (\S+)/gim),
      tokens: matchesOf(/^authorization: Bearer (\S+)/gim),
      signatures: matchesOf(/X-Amz-Signature=([\w-]+)/g),
    };
    const redirected = bearer.requests({ endpoint: 'redirected-blob' });
    assert.ok(
      redirected.length > 0 && redirected.every(({ authorized }) => !authorized),
      'storage gets no credentials',
    );
    for (const [kind, values] of Object.entries(sent)) assert.ok(values.length > 0, `${kind} were on the wire`);
    const secrets = new Set([
      ...Object.values(passwords),
      ...Object.values(client),
      ...Object.values(passwords).map((password) => Buffer.from(`robot:${password}`).toString('base64')),
      ...Object.values(sent).flat(),
    ]);
    const metrics = (await sendRequest(`${cistern.metricsUrl}/metrics`)).body.toString();
    const last = await sendRequest(`${cistern.url}/v2/?X-Amz-Signature=${client.signature}`);
    const id = String(last.headers['x-request-id']);
    await until('the last line is written', () => cistern.log().some((line) => line.includes(id)));
    const log = cistern.log();
    assert.ok(log.length > 2 * answers.length, 'a line for every request, and for its requests to upstream');
    assert.ok(log.some((line) => line.includes('X-Amz-Signature=[redacted]')));
    for (const [where, lines] of Object.entries({ log, answers, metrics: metrics.split('\n') }))
      for (const line of lines)
        for (const secret of secrets) assert.ok(!line.includes(secret), `${secret} is in the ${where}: ${line}`);
  });

test('messages about a configuration contain no secret', async () => {
  const file = join(await openDirectory({ after }), 'config.yml');
  await writeFile(
    file,
    `log: { level: loud }\nproxy: { remoteurl: "https://u:${passwords.basic}@registry.test", password: ${passwords.bearer} }\n`,
  );
  for (const command of ['serve', 'check-config']) {
    const { stdout, stderr, code } = await runCistern([command, file], {
      env: { REGISTRY_UPSTREAMS_QUAY_PASSWORD: passwords.wrong },
    });
    assert.equal(code, 1);
    assert.match(stderr, /log\.level/);
    for (const password of Object.values(passwords)) assert.ok(!(stdout + stderr).includes(password), stdout + stderr);
  }
});
