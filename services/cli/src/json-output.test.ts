// real-time: bcrypt hashes in threads

// Tests that `--json` prints one JSON document and nothing else to standard output, for commands without the admin API.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type CommandOptions, runCommand } from './testing/start-command.ts';

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-json-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function run(args: readonly string[], options?: CommandOptions) {
  const { code, stdout, stderr } = await runCommand([...args, '--json'], options);
  assert.match(stdout, /^\{[^\n]*\}\n$/, `${args.join(' ')}: ${stdout}${stderr}`);
  return { code, answer: JSON.parse(stdout) as Readonly<Record<string, unknown>> };
}

test('users', async (t) => {
  const file = join(await openDirectory(t), 'operators');
  const added = await run(['user', 'add', file, 'ada'], { stdin: 'a long password' });
  assert.deepEqual(added, { code: 0, answer: { file, user: 'ada', result: 'set' } });
  assert.deepEqual((await run(['user', 'list', file])).answer, { users: ['ada'] });
  assert.deepEqual((await run(['user', 'remove', file, 'ada'])).answer, { file, user: 'ada', result: 'removed' });
  const { code, stdout, stderr } = await runCommand(['user', 'remove', file, 'ada', '--json']);
  assert.deepEqual([code, stdout], [1, ''], 'a failure prints only its reason');
  assert.match(stderr, /^cistern: .* has no user "ada"\.\n$/);
});

test('tokens, whose records have no hash', async (t) => {
  const data = ['--data', await openDirectory(t)];
  const created = await run(['token', 'create', 'ci', '--expires', 'never', ...data]);
  const { token, ...record } = created.answer;
  assert.match(String(token), /^cistern_[0-9a-f]{16}_/);
  assert.partialDeepStrictEqual(record, { name: 'ci', pull: null, expiresAt: null });
  assert.deepEqual(Object.keys(record).toSorted(), ['createdAt', 'expiresAt', 'id', 'name', 'pull']);
  assert.deepEqual((await run(['token', 'list', ...data])).answer, { tokens: [record] });
  assert.deepEqual((await run(['token', 'revoke', 'ci', ...data])).answer, { revoked: record });
});

test('secrets, client-config, check-config, logout, export and index rebuild', async (t) => {
  const directory = await openDirectory(t);
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const files = ['one', '--password=password', '--operators=operators'].map((name) => `${name}:${uid}:${gid}`);
  const first = await run(['secrets', directory, ...files]);
  assert.partialDeepStrictEqual(first.answer, {
    created: ['one', 'password', 'operators'],
    operator: { user: 'admin' },
  });
  assert.deepEqual((await run(['secrets', directory, ...files])).answer, { directory, created: [], operator: null });
  const setup = await run(['client-config', 'docker', '--url', 'https://cache.example']);
  assert.partialDeepStrictEqual(setup.answer, { client: 'docker', url: 'https://cache.example' });
  assert.partialDeepStrictEqual((await run(['check-config'])).answer, { ok: true, warnings: [] });
  const env = { XDG_CONFIG_HOME: directory };
  assert.deepEqual((await run(['logout'], { env })).answer, { url: null, loggedOut: false });
  const rebuilt = await run(['index', 'rebuild', '--data', join(directory, 'data')]);
  assert.partialDeepStrictEqual(rebuilt.answer, { isComplete: true, blobs: 0 });
  const both = await runCommand(['export', 'nginx', '--output', '-', '--json']);
  assert.match(both.stderr, /--json and the archive cannot both use standard output\. Pass a file to --output\.\n$/);
});

test('a health check has its result also if the node is not ready', async (t) => {
  let failing = {};
  const server = createServer((_request, response) => {
    response.writeHead(Object.keys(failing).length === 0 ? 200 : 503).end(JSON.stringify({ draining: false, failing }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const args = ['healthcheck', '--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  assert.deepEqual(await run(args), { code: 0, answer: { ready: true, reason: null } });
  failing = { store: 'no such bucket.' };
  assert.deepEqual(await run(args), { code: 1, answer: { ready: false, reason: 'store: no such bucket' } });
});

test('doctor has its checks', async (t) => {
  const server = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, answer } = await run(['doctor', url]);
  assert.equal(code, 1);
  assert.partialDeepStrictEqual(answer, { url, checks: [{ check: 'reach', result: 'fail' }] });
});
