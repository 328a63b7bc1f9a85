// Tests `cistern doctor` with healthy caches and with broken targets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bcryptHash, freePort, makeCertificateFiles } from '@cistern/test-servers';
import { cacheOf, openCistern, openDirectory, openStage, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';

const image = 'docker.io/library/app:latest';

async function visit(url: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await runCistern(['doctor', url, '--image', image, ...args], { env });
  const findings = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => /^(ok|FAIL) +(.*?) {2,}(.*)$/.exec(line)?.slice(1) ?? []);
  return { code, stderr, findings };
}

type Answering = (...exchange: Parameters<RequestListener>) => unknown;

async function openServer(t: TestContext, answer: Answering): Promise<string> {
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => void answer(request, response)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a healthy cache passes all checks', async (t) => {
  const { upstream, cistern } = await openStage(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const { code, findings } = await visit(cistern.url);
  assert.deepEqual(
    findings.map(([state, what]) => [state, what]),
    [
      ['ok', 'reach'],
      ['ok', 'clock'],
      ['ok', 'long headers'],
      ['ok', 'ns'],
      ['ok', 'manifest by ns'],
      ['ok', 'HEAD'],
      ['ok', 'manifest by path'],
      ['ok', 'blob, by Range'],
    ],
  );
  assert.equal(code, 0);
});

test('a cache with the one upstream of registry:2 accepts any ns', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('acme/app', { tag: '1' });
  const cistern = await openCistern(t, { config: { proxy: { remoteurl: upstream.url } } });
  const { code, findings } = await visit(cistern.url, ['--image', `${new URL(upstream.url).host}/acme/app:1`]);
  assert.equal(code, 0, JSON.stringify(findings));
});

test('a closed port and a server that is no registry are reported', async (t) => {
  const closed = await visit(`http://127.0.0.1:${await freePort()}`);
  assert.deepEqual(closed.findings, [
    ['FAIL', 'reach', 'nothing listens there: check the port, and that the server runs'],
  ]);
  assert.equal(closed.code, 1);
  const url = await openServer(t, (_request, response) => response.end('hello'));
  assert.match((await visit(url)).findings[0]?.[2] ?? '', /server there \(200\) is no registry/);
});

test('a missing image is reported with the message of the cache', async (t) => {
  const { cistern } = await openStage(t);
  const { code, findings } = await visit(cistern.url);
  assert.match(findings.at(-1)?.join(' ') ?? '', /^FAIL manifest by ns it returns 404 instead of 200: /);
  assert.equal(code, 1);
});

test('missing, correct and wrong passwords are reported, for passwords and tokens', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const path = join(await openDirectory(t), 'htpasswd');
  await writeFile(path, `ada:${await bcryptHash('right')}\n`);
  for (const tokenserver of [undefined, {}]) {
    const auth = { htpasswd: { realm: 'cache', path }, ...(tokenserver && { tokenserver }) };
    const { url } = await openCistern(t, { config: { ...cacheOf(upstream), auth } });
    assert.match((await visit(url)).findings.at(-1)?.[2] ?? '', /pass --user/);
    const wrong = await visit(url, ['--user', 'ada'], { CISTERN_PASSWORD: 'wrong' });
    assert.match(wrong.findings.at(-1)?.[2] ?? '', /rejects the user or the password/);
    const correct = await visit(url, ['--user', 'ada'], { CISTERN_PASSWORD: 'right' });
    assert.equal(correct.code, 0, JSON.stringify(correct.findings));
    assert.equal(correct.findings[2]?.[2], tokenserver === undefined ? 'by password' : 'by an access token');
  }
});

test('an unknown TLS authority is reported, and a given one is trusted', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const { certFile, keyFile, caFile } = await makeCertificateFiles(await openDirectory(t));
  const tls = { certificate: certFile, key: keyFile };
  const { port } = await openCistern(t, { config: { ...cacheOf(upstream), http: { tls } } });
  const url = `https://127.0.0.1:${port}`;
  assert.match((await visit(url)).findings[0]?.[2] ?? '', /does not trust the CA of its certificate/);
  assert.equal((await visit(url, ['--ca', caFile])).code, 0);
  assert.match((await visit(`http://127.0.0.1:${port}`)).findings[0]?.[2] ?? '', /https|no registry/);
});

test('a proxy that changes responses is reported', async (t) => {
  const { upstream, cistern } = await openStage(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const url = await openServer(t, async (request, response) => {
    const accept = request.headers.accept ?? '*/*';
    const answer = await fetch(`${cistern.url}${request.url}`, { headers: { accept } });
    const body = Buffer.from(await answer.arrayBuffer());
    const length = request.method === 'HEAD' ? 7 : body.length;
    const kept = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, { ...kept, 'content-length': String(length) });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  const { code, findings } = await visit(url);
  const wrong = findings.filter(([state]) => state === 'FAIL').map(([, what]) => what);
  assert.deepEqual(wrong, ['HEAD', 'blob, by Range']);
  assert.match(findings[5]?.[2] ?? '', /content-length is 7 by HEAD/);
  assert.equal(code, 1);
});
