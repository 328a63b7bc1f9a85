import assert from 'node:assert/strict';
import { createServer, Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { StartError } from '@cistern/runtime';
import type { BoundAddress, Environment } from '@cistern/runtime/process';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { buildStandalone } from './build-standalone.ts';

const mediaType = 'application/vnd.oci.image.index.v1+json';
const manifest = Buffer.from(`{"schemaVersion":2,"mediaType":"${mediaType}","manifests":[]}`);

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-standalone-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens an upstream with the same manifest under every name. It sends the manifest only after a call of `release`. */
async function openUpstream(t: TestContext) {
  const requested = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    requested.resolve();
    await released.promise;
    res.writeHead(200, { 'content-type': mediaType, 'content-length': manifest.length });
    res.end(req.method === 'HEAD' ? undefined : manifest);
  };
  const server = createServer((req, res) => void answer(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    released.resolve();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requested: requested.promise, release: released.resolve };
}

async function build(t: TestContext, env: Environment = {}, accessLog?: (line: string) => void) {
  const rootDirectory = join(await openDirectory(t), 'made', 'by', 'us');
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const settings = {
    REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0',
    REGISTRY_ADMIN_ADDR: '127.0.0.1:0',
    ...env,
  };
  const config = loadConfig({ env: settings, defaults: { rootDirectory } });
  const standalone = await buildStandalone(openLiveConfig(config).config, {
    log,
    metrics: createMetrics(),
    env: {},
    version: '0.0.0',
    accessLog,
  });
  t.after(() => standalone.close(0));
  return { standalone, lines, rootDirectory };
}

const agent = new Agent({ keepAlive: true });

function get(
  address: BoundAddress | undefined,
  path: string,
  connections: Agent | false = agent,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const target =
      address?.kind === 'unix' ? { socketPath: address.path } : { host: address?.host, port: address?.port };
    const sent = request({ ...target, path, agent: connections }, (res: IncomingMessage) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      res.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('a standalone node creates its directory and serves the registry, health and metrics', async (t) => {
  const { standalone, rootDirectory } = await build(t, { REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' });
  const { clients: registry, debug } = await standalone.listen();
  assert.deepEqual(await get(registry, '/v2/'), { status: 200, body: '{}' });
  assert.equal((await get(debug, '/healthz')).status, 200);
  assert.equal((await get(debug, '/readyz')).status, 200);
  // The first report of the node reaches its index soon after the start.
  const metricsUntil = async (line: RegExp): Promise<void> => {
    if (!line.test((await get(debug, '/metrics')).body)) await delay(20).then(() => metricsUntil(line));
  };
  await metricsUntil(/^cistern_nodes\{role="standalone"\} 1$/m);
  assert.ok((await stat(rootDirectory)).isDirectory());
});

test('a standalone node serves its console only to this machine, and not if admin.addr is empty', async (t) => {
  const { standalone } = await build(t);
  const { console: operators } = await standalone.listen();
  const page = await get(operators, '/console/');
  assert.equal(page.status, 200);
  assert.match(page.body, /<title>Cistern<\/title>/);
  assert.equal((await get(operators, '/v1/upstreams')).status, 200);
  const without = await build(t, { REGISTRY_ADMIN_ADDR: '""' });
  assert.equal((await without.standalone.listen()).console, undefined);
});

test('a rejected request appears in the audit list', async (t) => {
  const { standalone } = await build(t);
  const { console: operators } = await standalone.listen();
  assert.ok(operators?.kind === 'tcp');
  const url = `http://127.0.0.1:${operators.port}`;
  const headers = { 'content-type': 'application/json' };
  const refused = await fetch(`${url}/v1/pins`, { method: 'POST', body: '{"image":"a","pinned":true}', headers });
  assert.equal(refused.status, 403);
  let entries: readonly object[] = [];
  for (let look = 0; look < 600 && entries.length === 0; look += 1) {
    ({ entries } = JSON.parse((await get(operators, '/v1/audit')).body) as { readonly entries: readonly object[] });
    await delay(50);
  }
  assert.partialDeepStrictEqual(entries, [{ kind: 'refusal', event: 'denied', what: 'POST /v1/pins', status: 403 }]);
});

test('a standalone node listens on a Unix socket', async (t) => {
  const path = join(await openDirectory(t), 'registry.sock');
  const { standalone } = await build(t, { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: path });
  const { clients: registry } = await standalone.listen();
  assert.deepEqual(registry, { kind: 'unix', path });
  assert.equal((await get(registry, '/v2/')).status, 200);
});

test('a closing node completes a request in flight, is unready, and accepts no new connections', async (t) => {
  const upstream = await openUpstream(t);
  const { standalone } = await build(t, { REGISTRY_PROXY_REMOTEURL: upstream.url });
  const { clients: registry, debug } = await standalone.listen();
  await get(registry, '/v2/');
  const pull = get(registry, '/v2/library/x/manifests/latest');
  await upstream.requested;
  const closed = standalone.close(30_000);
  assert.equal((await get(debug, '/readyz')).status, 503);
  await assert.rejects(() => get(registry, '/v2/', false), /ECONNREFUSED/);
  upstream.release();
  assert.deepEqual(await pull, { status: 200, body: manifest.toString() });
  await closed;
  await assert.rejects(() => get(debug, '/healthz', false), /ECONNREFUSED/);
});

test('a closing node aborts a request that exceeds the grace, and logs it', async (t) => {
  const upstream = await openUpstream(t);
  const { standalone, lines } = await build(t, { REGISTRY_PROXY_REMOTEURL: upstream.url });
  const { clients: registry } = await standalone.listen();
  const pull = get(registry, '/v2/library/x/manifests/latest');
  await upstream.requested;
  await Promise.all([assert.rejects(pull, /hang up|ECONNRESET/), standalone.close(150)]);
  assert.match(lines.join(''), /"requests":1,"msg":"drain timeout reached, aborted requests/);
});

test('a node runs without metrics if their default port is in use, and fails if the port is configured', async (t) => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const configured = await build(t, { REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${port}` });
  await assert.rejects(configured.standalone.listen(), {
    name: 'StartError',
    message: `Port ${port} on 127.0.0.1 is in use. Stop the program that listens on it, or set http.debug.addr to another port.`,
  });

  // If the default port is free on this machine, the first node takes it. So the port is always in use for the second.
  const first = await build(t, { REGISTRY_HTTP_DEBUG_ADDR: undefined });
  const second = await build(t, { REGISTRY_HTTP_DEBUG_ADDR: undefined });
  await first.standalone.listen();
  const { clients: registry, debug } = await second.standalone.listen();
  assert.equal(debug, undefined);
  assert.match(second.lines.join(''), /continuing without metrics/);
  assert.equal((await get(registry, '/v2/')).status, 200);
});

test('a node names the registry address that is unavailable, and the setting to change', async (t) => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const everywhere = await build(t, { REGISTRY_HTTP_ADDR: `:${port}` });
  await assert.rejects(everywhere.standalone.listen(), {
    message: `Port ${port} is in use. Stop the program that listens on it, or set http.addr to another port.`,
  });
  const elsewhere = await build(t, { REGISTRY_HTTP_ADDR: '192.0.2.1:5000' });
  await assert.rejects(elsewhere.standalone.listen(), /This machine has no address 192\.0\.2\.1\. Set http\.addr/);
});

test('a node rejects an unusable data directory before it opens anything', async (t) => {
  const file = join(await openDirectory(t), 'file');
  await writeFile(file, '');
  for (const path of [file, join(file, 'below'), '/proc/nowhere'])
    await assert.rejects(
      build(t, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: path }),
      (error) => error instanceof StartError && error.message.startsWith(`The data directory ${path} cannot be used (`),
    );
});

test('a node writes the access log instead of the lines of requests', async (t) => {
  const accessLines: string[] = [];
  const { standalone, lines } = await build(t, {}, (line) => void accessLines.push(line));
  await get((await standalone.listen()).clients, '/v2/');
  await standalone.close(1000);
  assert.match(accessLines.join(''), /"GET \/v2\/ HTTP\/1\.1" 200 2/);
  assert.doesNotMatch(lines.join(''), /"msg":"request"/);
});
