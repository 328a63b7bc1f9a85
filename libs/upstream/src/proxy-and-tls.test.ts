import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { connect, type LookupFunction, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { listen, openOn, type ScriptedServer, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const digest = digestOf(Buffer.from('blob'));
const bytes = Buffer.from('{}');

const folder = mkdtempSync(join(tmpdir(), 'cistern-tls-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const openssl = (...options: string[]): void => void execFileSync('openssl', options, { stdio: 'pipe' });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

openssl(
  'req',
  '-x509',
  ...newKey,
  '-keyout',
  file('ca.key'),
  '-out',
  file('ca.pem'),
  '-subj',
  '/CN=Test CA',
  '-days',
  '2',
);
function issue(name: string, extension: string): { cert: string; key: string } {
  writeFileSync(file('extensions'), extension);
  openssl('req', ...newKey, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
  const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
  openssl(
    'x509',
    '-req',
    '-in',
    file(`${name}.csr`),
    ...authority,
    '-extfile',
    file('extensions'),
    '-out',
    file(`${name}.pem`),
  );
  return { cert: readFileSync(file(`${name}.pem`), 'utf8'), key: readFileSync(file(`${name}.key`), 'utf8') };
}
const serverPair = issue('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.example');
const clientPair = issue('client', 'extendedKeyUsage=clientAuth');
const ca = readFileSync(file('ca.pem'), 'utf8');
const trusting = { tls: { ca } };

interface Proxy extends Omit<ScriptedServer, 'requests'> {
  readonly seen: { readonly target: string; readonly authorization: string | undefined }[];
}

/**
 * Starts a proxy. It tunnels to the requested port on loopback, for any name. With a `status` other than 200 it
 * refuses.
 */
async function startProxy(t: TestContext, status = 200): Promise<Proxy> {
  const seen: Proxy['seen'] = [];
  const server: Server = createServer(({ url = '', headers }, response) => {
    seen.push({ target: url, authorization: headers['proxy-authorization'] });
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  });
  server.on('connect', ({ url = '', headers }, socket: Socket) => {
    seen.push({ target: url, authorization: headers['proxy-authorization'] });
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const upstream = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.on('data', (data) => socket.write(data)).on('end', () => socket.end());
      socket.on('data', (data) => upstream.write(data)).on('end', () => upstream.end());
    });
    socket.on('error', () => {}).on('close', () => upstream.destroy());
    upstream.on('error', () => {}).on('close', () => socket.destroy());
    return undefined;
  });
  return { seen, ...(await listen(t, server, 'http')) };
}

const toLoopback: LookupFunction = (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);

function clientNameOf(socket: Socket): string | undefined {
  const { subject } = (socket as TLSSocket).getPeerCertificate();
  return subject === undefined ? undefined : String(subject.CN);
}

test('a certificate of an unknown CA is rejected, and a certificate of a configured CA is trusted', async (t) => {
  const server = await startServer(t, (_request, response) => response.end(bytes), serverPair);
  await assert.rejects(openOn(t, server.url).upstream.getManifest(repository, latest), (error) => {
    assert.ok(isCacheError(error, 'upstream-unreachable'), String(error));
    assert.match(error.message, /cannot be reached over TLS \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/);
    return !error.retryable;
  });
  for (const authorities of [ca, [ca]]) {
    const { upstream } = openOn(t, server.url, { tls: { ca: authorities } });
    assert.deepEqual((await upstream.getManifest(repository, latest)).bytes, bytes);
  }
});

test('a certificate for another name is rejected', async (t) => {
  const server = await startServer(t, (_request, response) => response.end(bytes), serverPair);
  const { upstream } = openOn(t, `https://other.example:${server.port}`, { ...trusting, lookup: toLoopback });
  await assert.rejects(
    upstream.getManifest(repository, latest),
    /cannot be reached over TLS \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  );
});

test('the client certificate is sent to the upstream, not to its storage', async (t) => {
  const names: Record<string, string | undefined> = {};
  const asking = { ...serverPair, ca, requestCert: true };
  const storage = await startServer(
    t,
    ({ socket }, response) => {
      names.storage = clientNameOf(socket);
      response.writeHead(200, { 'content-length': 4 }).end('blob');
    },
    { ...asking, rejectUnauthorized: false },
  );
  const server = await startServer(
    t,
    ({ socket }, response) => {
      names.registry = clientNameOf(socket);
      response.writeHead(307, { location: `https://localhost:${storage.port}/x` }).end();
    },
    asking,
  );
  const tls = { ca, certificate: clientPair.cert, key: clientPair.key };
  const { upstream } = openOn(t, server.url, { tls, allowPrivate: true });
  const { body } = await upstream.getBlob(repository, digest);
  assert.equal(Buffer.concat(await Array.fromAsync(body)).toString(), 'blob');
  assert.deepEqual(names, { registry: 'client', storage: undefined });
  await assert.rejects(openOn(t, server.url, trusting).upstream.getBlob(repository, digest), (error) =>
    isCacheError(error, 'upstream-unreachable'),
  );
});

test('a redirect from https to http is refused', async (t) => {
  const storage = await startServer(t, (_request, response) => response.end('blob'));
  const server = await startServer(
    t,
    (_request, response) => response.writeHead(302, { location: `${storage.url}/x?Signature=abc` }).end(),
    serverPair,
  );
  await assert.rejects(openOn(t, server.url, trusting).upstream.getBlob(repository, digest), (error) => {
    assert.ok(isCacheError(error, 'upstream-refused-us'), String(error));
    assert.match(error.message, /redirected to http:\/\/127\.0\.0\.1:\d+\/x\?\[redacted\], which is not allowed/);
    return true;
  });
  assert.equal(storage.requests.length, 0);
});

test('requests use HTTP/1.1 with servers that support HTTP/2, directly and through a proxy', async (t) => {
  const versions: string[] = [];
  const server: Http2SecureServer = createSecureServer({ ...serverPair, allowHTTP1: true }, (request, response) => {
    versions.push(request.httpVersion);
    response.end(bytes);
  });
  const { url } = await listen(t, server, 'https');
  const proxy = await startProxy(t);
  await openOn(t, url, trusting).upstream.getManifest(repository, latest);
  await openOn(t, url, { ...trusting, proxy }).upstream.getManifest(repository, latest);
  assert.deepEqual(versions, ['1.1', '1.1']);
});

test('https requests use a tunnel, and the proxy resolves the name', async (t) => {
  const server = await startServer(t, (_request, response) => response.end(bytes), serverPair);
  const proxy = await startProxy(t);
  const withUser = { url: proxy.url.replace('//', '//proxy-user:proxy-secret@') };
  const { upstream, logLines } = openOn(t, `https://registry.example:${server.port}`, { ...trusting, proxy: withUser });
  await upstream.getManifest(repository, latest);
  await upstream.headManifest(repository, latest);
  const authorization = `Basic ${Buffer.from('proxy-user:proxy-secret').toString('base64')}`;
  assert.ok(proxy.seen.length > 0);
  for (const request of proxy.seen)
    assert.deepEqual(request, { target: `registry.example:${server.port}`, authorization });
  assert.deepEqual(
    server.requests.map(({ headers }) => headers['proxy-authorization']),
    [undefined, undefined],
  );
  assert.doesNotMatch(logLines.join(''), /proxy-secret/);
  await upstream.close();
  await until(() => proxy.openConnections() === 0 && server.openConnections() === 0);
});

test('the proxy forwards plain http requests', async (t) => {
  const proxy = await startProxy(t);
  const { upstream } = openOn(t, 'http://registry.example', { proxy });
  await upstream.getManifest(repository, latest);
  assert.deepEqual(proxy.seen, [
    { target: 'http://registry.example/v2/a/b/manifests/latest', authorization: undefined },
  ]);
});

test('the target of a redirect selects the proxy', async (t) => {
  const proxy = await startProxy(t);
  const server = await startServer(t, (_request, response) =>
    response.writeHead(307, { location: 'http://cdn.example/x' }).end(),
  );
  const { upstream } = openOn(t, server.url, {
    proxy: ({ hostname }) => (hostname === 'cdn.example' ? proxy : undefined),
  });
  const { body } = await upstream.getBlob(repository, digest);
  assert.deepEqual(Buffer.concat(await Array.fromAsync(body)), bytes);
  assert.deepEqual(
    proxy.seen.map(({ target }) => target),
    ['http://cdn.example/x'],
  );
});

test('a refusal of the proxy fails with upstream-unreachable, without the proxy password', async (t) => {
  const proxy = await startProxy(t, 403);
  const { upstream } = openOn(t, 'https://registry.example', {
    proxy: { url: proxy.url.replace('//', '//proxy-user:proxy-secret@') },
  });
  await assert.rejects(upstream.getManifest(repository, latest), (error) => {
    assert.ok(isCacheError(error, 'upstream-unreachable'), String(error));
    assert.match(error.message, /cannot be reached through the proxy/);
    assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /proxy-secret/);
    return true;
  });
  assert.equal(proxy.seen.length, 3);
});

for (const target of ['169.254.169.254', 'localhost', 'a.localhost.'])
  test(`a redirect to ${target} is refused through a proxy too`, async (t) => {
    const proxy = await startProxy(t);
    const server = await startServer(
      t,
      (_request, response) => response.writeHead(307, { location: `https://${target}/x` }).end(),
      serverPair,
    );
    const { upstream } = openOn(t, `https://registry.example:${server.port}`, { ...trusting, proxy });
    await assert.rejects(upstream.getBlob(repository, digest), (error) => isCacheError(error, 'upstream-refused-us'));
    assert.equal(proxy.seen.length, 1);
  });
