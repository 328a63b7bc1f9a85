// real-time: the kernel gives a socket its mode
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { buildStandalone } from './build-standalone.ts';

const mediaType = 'application/vnd.oci.image.index.v1+json';
const manifest = `{"schemaVersion":2,"mediaType":"${mediaType}","manifests":[]}`;

async function openUpstream(t: TestContext): Promise<string> {
  const headers = { 'content-type': mediaType, 'content-length': manifest.length };
  const server = createServer(({ method }, response) =>
    response.writeHead(200, headers).end(method === 'HEAD' ? undefined : manifest),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a process creates its data with access only for its own user, with any umask', async (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const directory = await mkdtemp(join(tmpdir(), 'cistern-standalone-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const rootDirectory = join(directory, 'made', 'data');
  const env = {
    REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0',
    REGISTRY_ADMIN_ADDR: '127.0.0.1:0',
    REGISTRY_PROXY_REMOTEURL: await openUpstream(t),
  };
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write: () => {} } });
  const { config } = openLiveConfig(loadConfig({ env, defaults: { rootDirectory } }));
  const standalone = await buildStandalone(config, { log, metrics: createMetrics(), env: {}, version: '0.0.0' });
  t.after(() => standalone.close(0));
  const { clients } = await standalone.listen();
  assert.ok(clients?.kind === 'tcp');
  const pulled = await fetch(`http://127.0.0.1:${clients.port}/v2/library/x/manifests/latest`);
  assert.equal(await pulled.text(), manifest);

  const made = await readdir(rootDirectory, { recursive: true, withFileTypes: true });
  for (const [name, kind] of [
    ['data', 'isFile'],
    ['index.sqlite', 'isFile'],
    ['index.sqlite-wal', 'isFile'],
    ['admin.sock', 'isSocket'],
  ] as const)
    assert.ok(
      made.some((entry) => entry.name === name && entry[kind]()),
      name,
    );
  for (const path of [rootDirectory, ...made.map(({ parentPath, name }) => join(parentPath, name))]) {
    const found = await stat(path);
    assert.equal(found.mode & 0o777, found.isDirectory() ? 0o700 : 0o600, path);
  }
  assert.equal(
    (await stat(join(directory, 'made'))).mode & 0o777,
    0o777,
    'the mode of a parent directory is not changed',
  );
});
