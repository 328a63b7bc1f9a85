import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { test, type TestContext } from 'node:test';
import type { SecureContextOptions } from 'node:tls';
import { loadConfig } from '@cistern/config';
import { advertisedAddress, buildFillServer } from './build-fill-server.ts';
import { testCertificate } from '@cistern/tls/testing/test-certificate';

const answer: RequestListener = (_request, response) => response.end('a fill');
const { cert, key } = testCertificate;
const files: Readonly<Record<string, string>> = { '/cert': cert, '/key': key };

const readFile = (path: string) => files[path] ?? assert.fail(path);

async function listen(t: TestContext, tls: string): Promise<number> {
  const env = { REGISTRY_WORKER_TLS: tls };
  const { worker } = loadConfig({ env, readFile, defaults: { rootDirectory: '/' } });
  const app = buildFillServer(worker, answer)?.app ?? assert.fail();
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  return (app.server.address() as AddressInfo).port;
}

async function read(port: number, client: SecureContextOptions = {}): Promise<string> {
  const agent = new Agent({ keepAlive: false, ca: cert, ...client });
  const sent = request({ host: '127.0.0.1', port, agent, servername: 'cache.test' }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return (await response.toArray()).join('');
}

test('without other nodes, no server is built', () => {
  const { worker } = loadConfig({ env: {}, defaults: { rootDirectory: '/' } });
  assert.equal(buildFillServer(worker, undefined), undefined);
});

test('without CA certificates, any client can connect with TLS', async (t) => {
  assert.equal(await read(await listen(t, '{certificate: /cert, key: /key}')), 'a fill');
});

test('with CA certificates, only a client with a certificate of one of these CAs can connect', async (t) => {
  const port = await listen(t, '{certificate: /cert, key: /key, ca: /cert}');
  await assert.rejects(read(port), /certificate required|ECONNRESET|socket hang up/i);
  assert.equal(await read(port, { cert, key }), 'a fill');
});

test('the server rejects cipher suites without forward secrecy and authenticated encryption', async (t) => {
  const port = await listen(t, '{certificate: /cert, key: /key}');
  for (const ciphers of ['AES256-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA', 'AES256-GCM-SHA384'])
    await assert.rejects(read(port, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` }), ciphers);
  assert.equal(await read(port, { maxVersion: 'TLSv1.2' }), 'a fill');
  assert.equal(await read(port), 'a fill');
});

function addressOf(worker: string): string {
  const env = { REGISTRY_WORKER: worker };
  return advertisedAddress(loadConfig({ env, readFile: (path) => path, defaults: { rootDirectory: '/' } }).worker);
}

test('the advertised address is the configured one, else that of the listener, else the host name', () => {
  assert.equal(addressOf('{advertise: "http://worker-1:80"}'), 'http://worker-1');
  assert.equal(addressOf('{addr: "10.0.0.7:7002"}'), 'http://10.0.0.7:7002');
  assert.equal(addressOf('{addr: "[fd00::7]:7002"}'), 'http://[fd00::7]:7002');
  for (const everywhere of [':5002', '0.0.0.0:5002', '[::]:5002'])
    assert.equal(addressOf(`{addr: "${everywhere}"}`), `http://${hostname()}:5002`);
  assert.equal(addressOf('{addr: "10.0.0.7:1", tls: {certificate: /c, key: /k}}'), 'https://10.0.0.7:1');
});
