// Tests that a failed startup reports every reason in words that an operator understands, and never a stack trace.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { type CommandEnd, runCommand } from './testing/start-command.ts';

const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
after(() => rm(directory, { recursive: true }));
const data = join(directory, 'data');
const free = { REGISTRY_HTTP_ADDR: '127.0.0.1:0', REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0' };

function assertFailed({ code, stdout, stderr }: CommandEnd): void {
  assert.equal(code, 1);
  assert.doesNotMatch(stderr + stdout, /^\s+at /m, 'no stack trace');
  assert.doesNotMatch(stderr + stdout, /node:internal|Error:/);
}

function assertOneSentence(run: CommandEnd, pattern: RegExp): void {
  assertFailed(run);
  assert.match(run.stderr, /^cistern: [^\n]+\.\n$/);
  assert.match(run.stderr, pattern);
}

async function takePort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('check-config and serve both report all four mistakes of a file', async () => {
  const file = join(directory, 'mistakes.yml');
  await writeFile(
    file,
    'version: 0.1\nlog: { level: loud }\nhttp: { addr: nowhere, adr: ":5000" }\nupstreams: { quay.io: { ttl: 60 } }\n',
  );
  const run = await runCommand(['serve', file]);
  assertFailed(run);
  assert.equal(run.stdout, '');
  assert.match(run.stderr, /^cistern: .*mistakes\.yml has 4 problems:\n/);
  for (const line of [
    /^ {2}http\.addr: /m,
    /^ {2}http\.adr: .*addr/m,
    /^ {2}log\.level: .*error, warn, info, debug/m,
    /^ {2}upstreams\.quay\.io\.ttl: .*unit/m,
  ])
    assert.match(run.stderr, line);
  assert.deepEqual(await runCommand(['check-config', file]), run);
});

test('serve reports a file that does not exist', async () => {
  const run = await runCommand(['serve', join(directory, 'missing.yml')]);
  assertFailed(run);
  assert.match(run.stderr, /missing\.yml[^]*cannot be read/);
});

test('serve reports a file that is not YAML', async () => {
  const file = join(directory, 'broken.yml');
  await writeFile(file, 'http: { addr: ":5000"\nlog: [\n');
  const run = await runCommand(['serve', file]);
  assertFailed(run);
  assert.match(run.stderr, /broken\.yml/);
});

test('serve reports a port in use', async (t) => {
  const port = await takePort(t);
  const run = await runCommand(['serve', '--addr', `127.0.0.1:${port}`, '--data', data], { env: free });
  assertOneSentence(run, new RegExp(`^cistern: Port ${port} on 127\\.0\\.0\\.1 is in use\\. `));
});

test('serve reports an explicit metrics port in use', async (t) => {
  const port = await takePort(t);
  const env = { ...free, REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${port}` };
  const run = await runCommand(['serve', '--data', data], { env });
  assertOneSentence(run, new RegExp(`Port ${port} on .* is in use.*http\\.debug\\.addr`));
});

test('serve reports a data directory that cannot be created', async () => {
  const file = join(directory, 'a-file');
  await writeFile(file, '');
  const root = join(file, 'data');
  assertOneSentence(await runCommand(['serve', '--data', root], { env: free }), new RegExp(root));
});

test('serve reports a data directory that not even root can write', async () => {
  assertOneSentence(await runCommand(['serve', '--data', '/sys/cistern'], { env: free }), /\/sys\/cistern/);
});

test('a node of a cluster rejects a configuration of a single node', async () => {
  for (const command of ['frontend', 'worker', 'admin']) {
    const run = await runCommand([command]);
    assertFailed(run);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^cistern: "cistern \w+" runs one node of a cluster, and the configuration has no redis/);
    assert.equal(run.stderr.includes('openssl rand -hex 32'), command !== 'admin');
    assert.match(run.stderr, /"cistern serve"\.\n$/);
  }
});

test('frontend reports a Redis that rejects the password', async (t) => {
  const redis = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => socket.write('-WRONGPASS invalid username-password pair\r\n'));
  }).listen(0, '127.0.0.1');
  await once(redis, 'listening');
  t.after(() => redis.close());
  const env = {
    REGISTRY_REDIS_ADDR: `127.0.0.1:${(redis.address() as AddressInfo).port}`,
    REGISTRY_REDIS_PASSWORD: 'wrong',
    REGISTRY_CLUSTER_SECRET: '0123456789abcdef',
    REGISTRY_HTTP_DEBUG_ADDR: '""',
  };
  assertOneSentence(await runCommand(['frontend'], { env }), /it refuses the user name or the password/);
});
