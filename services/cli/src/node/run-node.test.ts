// A node from its start to the signal that ends it: what people, supervisors and health checks see of it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand, startCommand } from '../testing/start-command.ts';

const quietly = { REGISTRY_HTTP_DEBUG_ADDR: '""', REGISTRY_ADMIN_ADDR: '""' };

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function startNode(t: TestContext, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const node = await startCommand(args, { env: { XDG_DATA_HOME: await openDirectory(t), ...quietly, ...env } });
  t.after(() => {
    node.kill('SIGTERM');
    return node.end;
  });
  assert.ok(node.isNode, node.output().stderr);
  return node;
}

async function openServer(t: TestContext) {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  t.after(close);
  return { server, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const statusOf = (url: string) =>
  new Promise((resolve, reject) => get(url, (res) => resolve(res.resume().statusCode)).on('error', reject));

test('the commands of registry:2 serve the file that they name', async (t) => {
  const data = await openDirectory(t);
  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, `http: { addr: "127.0.0.1:0" }\nstorage: { filesystem: { rootdirectory: ${data} } }\n`);
  for (const args of [['registry', 'serve', file], [file]]) {
    const node = await startNode(t, args);
    node.kill('SIGTERM');
    const { code, stdout, stderr } = await node.end;
    assert.equal(code, 0);
    assert.match(stdout, /INFO: listening/);
    assert.ok(stderr.includes(data));
  }
});

test('serve greets people on standard error, and shows how to point clients at it', async (t) => {
  const data = await openDirectory(t);
  const node = await startNode(t, ['serve', '--addr', '127.0.0.1:0', '--data', data]);
  const { stderr } = node.output();
  const [, url = ''] = /^Cistern [\d.]+ listens on (http:\/\/localhost:\d+)\n/.exec(stderr) ?? [];
  assert.ok(stderr.includes(data));
  assert.match(stderr, /docker\.io \(default\), quay\.io/);
  assert.match(stderr, /metrics, health +off\n/);
  assert.ok(stderr.includes(`"registry-mirrors": ["${url}"]`));
  assert.equal(await statusOf(`${url}/v2/`), 200);
  node.kill('SIGTERM');
  const { code, stdout } = await node.end;
  assert.equal(code, 0);
  assert.match(stdout, /"GET \/v2\/ HTTP\/1\.1" 200/);
});

test('with JSON logs, standard output is JSON and standard error stays empty', async (t) => {
  const env = { REGISTRY_LOG_FORMATTER: 'json', REGISTRY_HTTP_SECRET: 'x' };
  const node = await startNode(t, ['serve', '--addr', '127.0.0.1:0'], env);
  await delay(50);
  const [, url = ''] = /"url":"([^"]+)".*"msg":"listening"/.exec(node.output().stdout) ?? [];
  assert.equal(await statusOf(`${url}/v2/`), 200);
  node.kill('SIGTERM');
  const { code, stdout, stderr } = await node.end;
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string });
  assert.equal(lines[0]?.level, 'warn');
  assert.deepEqual(
    lines.slice(1).map(({ msg }) => msg.replace(/;.*/, '')),
    ['listening', 'request ended', 'closing', 'closed'],
  );
});

test('signals that come together count as one, a later one ends the process at once', async (t) => {
  const { server, url: remote } = await openServer(t);
  const node = await startNode(t, ['serve', '--addr', '127.0.0.1:0'], { REGISTRY_PROXY_REMOTEURL: remote });
  const [, url = ''] = /listens on (\S+)/.exec(node.output().stderr) ?? [];
  // Keeps the process from ending by itself: the upstream never answers.
  const asked = new Promise((resolve) => server.once('request', resolve));
  get(`${url}/v2/library/x/manifests/latest`).on('error', () => {});
  await asked;
  node.kill('SIGINT');
  node.kill('SIGTERM');
  const first = await Promise.race([node.end, delay(700)]);
  assert.equal(first, undefined, 'still draining after the second of two signals that came together');
  assert.match(node.output().stdout, /closing; a second signal/);
  node.kill('SIGINT');
  assert.equal((await node.end).code, 1);
});

test('healthcheck says with its exit code and in one line whether a node is fit to serve', async (t) => {
  const env = { REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0' };
  const node = await startNode(t, ['serve', '--addr', '127.0.0.1:0'], env);
  const [, url = ''] = /metrics, health +(http:\S+)/.exec(node.output().stderr) ?? [];
  const healthy = await runCommand(['healthcheck', '--url', url]);
  assert.deepEqual(healthy, { code: 0, stdout: 'ready\n', stderr: '' }, node.output().stdout);

  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, `http: { debug: { addr: ":${new URL(url).port}" } }`);
  assert.equal((await runCommand(['healthcheck', file])).code, 0);
});

test('healthcheck names the parts that fail, and says why a node cannot be asked', async (t) => {
  const { server, url, close } = await openServer(t);
  const check = () => runCommand(['healthcheck', '--url', url]);
  // Virtual time passes while a timer keeps the process alive, as the open socket does in reality.
  const [silent] = await Promise.all([check(), delay(5_000)]);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /cannot be asked \(no answer within 3000 ms\)\.\n$/);
  const unready = { ready: false, draining: false, failing: { index: 'It does not answer.' } };
  server.on('request', (_request, response) => response.writeHead(503).end(JSON.stringify(unready)));
  assert.deepEqual(await check(), { code: 1, stdout: '', stderr: 'cistern: Not ready: index: It does not answer.\n' });
  close();
  const gone = await check();
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /^cistern: Not ready: http:\S+ cannot be asked \(ECONNREFUSED\)\.\n$/);
});
