// real-time: each case is a process, started through the launcher
// The command line as a person or a supervisor meets it: real processes, started through the launcher.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const launcher = join(import.meta.dirname, '../launch/cistern.mjs');

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface StartOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: 'ignore' | 'pipe';
}

/** Killed with the test if it still runs. */
async function start(t: TestContext, { args, env = {}, stdin = 'ignore' }: StartOptions) {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { PATH: process.env['PATH'], XDG_DATA_HOME: await openDirectory(t), ...env },
    stdio: [stdin, 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => void (output[name] += text));
  const exit = new Promise<{ readonly code: number | null; readonly signal: string | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  const until = async (name: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(output[name]);
      if (match !== null) return match;
      assert.ok(child.exitCode === null && child.signalCode === null, `ended early: ${output.stderr}`);
      await delay(10);
    }
  };
  return { child, output, exit, until };
}

async function run(t: TestContext, ...args: readonly string[]) {
  const { exit, output } = await start(t, { args });
  const { code } = await exit;
  return { ...output, code };
}

const quietly = { REGISTRY_HTTP_DEBUG_ADDR: '""', REGISTRY_ADMIN_ADDR: '""' };

test('help shows the commands, examples and how to go on', async (t) => {
  const { stdout, code } = await run(t, '--help');
  assert.equal(code, 0);
  assert.match(stdout, /serve \[options\] \[file\]/);
  assert.match(stdout, /cistern serve config\.yml/);
  assert.match((await run(t, '--version')).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('an unknown command or option is told in one line', async (t) => {
  const { stderr, code } = await run(t, 'serv');
  assert.equal(code, 1);
  assert.match(stderr, /^error: unknown command 'serv'\n\(Did you mean serve\?\)/);
});

test('check-config says ok, what a registry:2 file amounts to, and what in it has no effect', async (t) => {
  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(
    file,
    `version: 0.1
http: { addr: ":5000", secret: x }
storage: { filesystem: { rootdirectory: /var/lib/registry } }
proxy: { remoteurl: https://registry-1.docker.io, username: alice, password: hunter2 }
`,
  );
  const { stdout, stderr, code } = await run(t, 'check-config', file);
  assert.equal(code, 0);
  assert.match(stdout, /^ok\n/);
  assert.match(stdout, /registry +:5000\n/);
  assert.match(stdout, /data +\/var\/lib\/registry\n/);
  assert.match(stdout, /docker\.io {2}https:\/\/registry-1\.docker\.io as alice {2}\(default\)/);
  assert.match(stderr, /^warning: http\.secret: /);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

test('check-config and serve name every problem at once, without a stack', async (t) => {
  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, 'log: { level: loud }\nhttp: { addr: nowhere, adr: 1 }\n');
  for (const command of ['check-config', 'serve']) {
    const { stdout, stderr, code } = await run(t, command, file);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^cistern: .*config\.yml has 3 problems:\n/);
    for (const path of ['log.level', 'http.addr', 'http.adr']) assert.match(stderr, new RegExp(`^ {2}${path}: `, 'm'));
    assert.doesNotMatch(stderr, /^ {4}at /m);
  }
});

test('the commands of registry:2 serve the file that they name', async (t) => {
  const data = await openDirectory(t);
  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, `http: { addr: "127.0.0.1:0" }\nstorage: { filesystem: { rootdirectory: ${data} } }\n`);
  for (const args of [['registry', 'serve', file], [file]]) {
    const { child, output, exit, until } = await start(t, { args, env: quietly });
    await until('stdout', /INFO: listening/);
    assert.ok(output.stderr.includes(data));
    child.kill('SIGTERM');
    assert.equal((await exit).code, 0);
  }
});

test('serve greets people on standard error, and ends with 0 when it is told to', async (t) => {
  const data = await openDirectory(t);
  const args = ['serve', '--addr', '127.0.0.1:0', '--data', data];
  const { child, output, exit, until } = await start(t, { args, env: quietly });
  const [, url = ''] = await until('stderr', /^Cistern [\d.]+ listens on (http:\/\/localhost:\d+)\n/);
  await until('stdout', /INFO: listening/);
  assert.ok(output.stderr.includes(data));
  assert.match(output.stderr, /docker\.io \(default\), quay\.io/);
  assert.match(output.stderr, /metrics, health +off\n/);
  assert.ok(output.stderr.includes(`"registry-mirrors": ["${url}"]`));
  const status = await new Promise((resolve, reject) =>
    get(`${url}/v2/`, (res) => resolve(res.resume().statusCode)).on('error', reject),
  );
  assert.equal(status, 200);
  child.kill('SIGTERM');
  assert.deepEqual(await exit, { code: 0, signal: null });
  assert.match(output.stdout, /"GET \/v2\/ HTTP\/1\.1" 200/);
  assert.match(output.stdout, /INFO: closed/);
});

test('with JSON logs, standard output is JSON and standard error stays empty', async (t) => {
  const env = { ...quietly, REGISTRY_LOG_FORMATTER: 'json', REGISTRY_HTTP_SECRET: 'x' };
  const { child, output, exit, until } = await start(t, { args: ['serve', '--addr', '127.0.0.1:0'], env });
  const [, url = ''] = await until('stdout', /"url":"([^"]+)".*"msg":"listening"/);
  await new Promise((resolve, reject) => get(`${url}/v2/`, (res) => resolve(res.resume())).on('error', reject));
  await until('stdout', /request ended/);
  child.kill('SIGTERM');
  assert.equal((await exit).code, 0);
  assert.equal(output.stderr, '');
  const lines = output.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string });
  assert.equal(lines[0]?.level, 'warn');
  assert.deepEqual(
    lines.slice(1).map(({ msg }) => msg.replace(/;.*/, '')),
    ['listening', 'request ended', 'closing', 'closed'],
  );
});

test('a port that is taken is told in one sentence', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const { stderr, code } = await run(t, 'serve', '--addr', `127.0.0.1:${port}`);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`^cistern: Port ${port} is taken on 127\\.0\\.0\\.1: .*\\n$`));
});

test('signals that come together are one wish, a later one ends it at once', async (t) => {
  const upstream = createServer(() => {});
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const remote = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const env = { ...quietly, REGISTRY_PROXY_REMOTEURL: remote };
  const { child, exit, until } = await start(t, { args: ['serve', '--addr', '127.0.0.1:0'], env });
  const [, url = ''] = await until('stderr', /listens on (\S+)/);
  await until('stdout', /listening/);
  // Keeps the process from ending by itself: the upstream never answers.
  const asked = new Promise((resolve) => upstream.once('request', resolve));
  get(`${url}/v2/library/x/manifests/latest`).on('error', () => {});
  await asked;
  child.kill('SIGINT');
  child.kill('SIGTERM');
  await until('stdout', /closing; a second signal/);
  const first = await Promise.race([exit, delay(700)]);
  assert.equal(first, undefined, 'still draining after the second of two signals that came together');
  child.kill('SIGINT');
  assert.deepEqual(await exit, { code: 1, signal: null });
});

const cluster = `redis: { addrs: ["redis-1:6379", "redis-2:6379"], username: cistern, password: hunter2 }
cluster: { secret: hunter2-hunter2-hunter2 }
storage:
  s3: { bucket: cistern, regionendpoint: "http://minio:9000", accesskey: a, secretkey: hunter2 }
  redirect: { disable: false, endpoint: "https://s3.example.com" }
worker: { advertise: "http://worker-1:5002" }
`;

test('check-config shows what makes a cluster, and none of its secrets', async (t) => {
  const file = join(await openDirectory(t), 'cluster.yml');
  await writeFile(file, cluster);
  const { stdout, stderr, code } = await run(t, 'check-config', file);
  assert.equal(code, 0, stderr);
  for (const line of [
    /^ {2}data +bucket cistern at http:\/\/minio:9000$/m,
    /^ {2}blobs +clients are sent to https:\/\/s3\.example\.com$/m,
    /^ {2}index, jobs +Redis Cluster at redis-1:6379, redis-2:6379 as cistern, keys cistern:\*$/m,
    /^ {2}workers +:5002, reached as http:\/\/worker-1:5002$/m,
    /^ {2}admin +:5003$/m,
  ])
    assert.match(stdout, line);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

test('a node of a cluster says what a configuration of one node lacks, and what to run instead', async (t) => {
  for (const command of ['frontend', 'worker', 'admin']) {
    const { stdout, stderr, code } = await run(t, command);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^cistern: "cistern \w+" is one node of a cluster, and the configuration has no redis/);
    assert.equal(stderr.includes('openssl rand -hex 32'), command !== 'admin');
    assert.match(stderr, /"cistern serve"\.\n$/);
  }
});

test('a Redis that is not there is told in one sentence', async (t) => {
  const env = {
    REGISTRY_REDIS_ADDR: '127.0.0.1:1',
    REGISTRY_CLUSTER_SECRET: '0123456789abcdef',
    REGISTRY_HTTP_DEBUG_ADDR: '""',
  };
  const { exit, output } = await start(t, { args: ['frontend'], env });
  assert.equal((await exit).code, 1);
  assert.match(output.stderr, /^cistern: [^\n]*127\.0\.0\.1:1[^\n]*\n$/);
});

test('healthcheck says with its exit code and in one line whether a node is fit to serve', async (t) => {
  const data = await openDirectory(t);
  const env = { ...quietly, REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0' };
  const { output, until } = await start(t, { args: ['serve', '--addr', '127.0.0.1:0', '--data', data], env });
  const [, url = ''] = await until('stderr', /metrics, health +(http:\S+)/);
  const healthy = await run(t, 'healthcheck', '--url', url);
  assert.deepEqual(healthy, { code: 0, stdout: 'ready\n', stderr: '' }, output.stdout);

  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(file, `http: { debug: { addr: ":${new URL(url).port}" } }`);
  assert.equal((await run(t, 'healthcheck', file)).code, 0);

  const answers = createServer((_request, response) =>
    response.writeHead(503).end(JSON.stringify({ ready: false, draining: false, failing: { index: 'It is away.' } })),
  );
  await new Promise<void>((resolve) => answers.listen(0, '127.0.0.1', resolve));
  const { port } = answers.address() as AddressInfo;
  assert.deepEqual(await run(t, 'healthcheck', '--url', `http://127.0.0.1:${port}`), {
    code: 1,
    stdout: '',
    stderr: 'cistern: Not ready: index: It is away.\n',
  });
  answers.removeAllListeners('request').on('request', () => {});
  const silent = await run(t, 'healthcheck', '--url', `http://127.0.0.1:${port}`);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /cannot be asked \(no answer within 3000 ms\)\.\n$/);
  answers.close();
  answers.closeAllConnections();
  const gone = await run(t, 'healthcheck', '--url', `http://127.0.0.1:${port}`);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /^cistern: Not ready: http:\S+ cannot be asked \(ECONNREFUSED\)\.\n$/);
});

test('user makes a file of users that only its owner can read, and changes it', async (t) => {
  const file = join(await openDirectory(t), 'operators');
  const user = async (args: readonly string[], input = '') => {
    const { child, exit, output } = await start(t, { args: ['user', ...args], stdin: 'pipe' });
    child.stdin?.end(input);
    return { code: (await exit).code, ...output };
  };
  assert.equal((await user(['add', file, 'ada'], 's3cret\n')).code, 0);
  assert.equal((await user(['add', file, 'bob'], 'other')).code, 0);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.match(await readFile(file, 'utf8'), /^ada:\$2b\$12\$.{53}\nbob:\$2b\$12\$.{53}\n$/);
  assert.deepEqual(await user(['list', file]), { code: 0, stdout: 'ada\nbob\n', stderr: '' });
  assert.equal((await user(['remove', file, 'ada'])).code, 0);
  assert.equal((await user(['list', file])).stdout, 'bob\n');
  for (const [args, input, message] of [
    [['add', file, 'eve'], '', /the password is empty/],
    [['remove', file, 'ada'], '', /has no user "ada"/],
    [['list', `${file}.gone`], '', /does not exist/],
  ] as const) {
    const { code, stderr } = await user(args, input);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.match(stderr, /^cistern: [^\n]+\.\n$/);
  }
});
