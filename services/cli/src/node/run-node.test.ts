// Tests a node from startup to the signal that ends it, as operators, supervisors and health checks see it.
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

test('the commands of registry:2 serve the named file', async (t) => {
  const data = await openDirectory(t);
  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, `http: { addr: "127.0.0.1:0" }\nstorage: { filesystem: { rootdirectory: ${data} } }\n`);
  for (const args of [['registry', 'serve', file], [file]]) {
    const node = await startNode(t, args);
    node.kill('SIGTERM');
    const { code, stdout, stderr } = await node.end;
    assert.equal(code, 0);
    assert.match(stdout, / listening /);
    assert.ok(stderr.includes(data));
  }
});

test('serve prints a banner on standard error, with hints for clients', async (t) => {
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
  assert.match(stdout, /^\d\d:\d\d:\d\d \/v2\/ 200 2 B [\d.]+ ms 127\.0\.0\.1$/m);
});

test('with JSON logs, standard output is JSON and standard error is empty', async (t) => {
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
    ['listening', 'request', 'shutting down', 'shutdown complete'],
  );
});

test('signals at the same time count as one, and a later one ends the process immediately', async (t) => {
  const { server, url: remote } = await openServer(t);
  const node = await startNode(t, ['serve', '--addr', '127.0.0.1:0'], { REGISTRY_PROXY_REMOTEURL: remote });
  const [, url = ''] = /listens on (\S+)/.exec(node.output().stderr) ?? [];
  // The upstream never responds, so the process keeps draining.
  const requested = new Promise((resolve) => server.once('request', resolve));
  get(`${url}/v2/library/x/manifests/latest`).on('error', () => {});
  await requested;
  node.kill('SIGINT');
  node.kill('SIGTERM');
  const first = await Promise.race([node.end, delay(700)]);
  assert.equal(first, undefined, 'the node is still draining after two signals at the same time');
  assert.match(node.output().stdout, /shutting down; a second signal/);
  node.kill('SIGINT');
  assert.equal((await node.end).code, 1);
});

test('healthcheck reports by its exit code and in one line whether a node is ready', async (t) => {
  const env = { REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0' };
  const node = await startNode(t, ['serve', '--addr', '127.0.0.1:0'], env);
  const [, url = ''] = /metrics, health +(http:\S+)/.exec(node.output().stderr) ?? [];
  const healthy = await runCommand(['healthcheck', '--url', url]);
  assert.deepEqual(healthy, { code: 0, stdout: 'ready\n', stderr: '' }, node.output().stdout);

  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, `http: { debug: { addr: ":${new URL(url).port}" } }`);
  assert.equal((await runCommand(['healthcheck', file])).code, 0);
});

test('healthcheck names the failing parts or the reason, and --live tests only the process', async (t) => {
  const { server, url, close } = await openServer(t);
  const check = () => runCommand(['healthcheck', '--url', url]);
  // The delay keeps the process alive while virtual time passes. In production the open socket keeps it alive.
  const [silent] = await Promise.all([check(), delay(5_000)]);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /is unreachable \(no response within 3000 ms\)\.\n$/);
  const unready = { ready: false, draining: false, failing: { index: 'It does not answer.' } };
  server.on('request', (_request, response) => response.writeHead(503).end(JSON.stringify(unready)));
  assert.deepEqual(await check(), { code: 1, stdout: '', stderr: 'cistern: Not ready: index: It does not answer.\n' });
  server.removeAllListeners('request').on('request', ({ url: path }, response) => {
    response.writeHead(path === '/healthz' ? 200 : 503).end('{}');
  });
  assert.deepEqual(await runCommand(['healthcheck', '--live', '--url', url]), {
    code: 0,
    stdout: 'live\n',
    stderr: '',
  });
  assert.equal((await check()).code, 1);
  close();
  const stopped = await check();
  assert.equal(stopped.code, 1);
  assert.match(stopped.stderr, /^cistern: Not ready: http:\S+ is unreachable \(ECONNREFUSED\)\.\n$/);
});
