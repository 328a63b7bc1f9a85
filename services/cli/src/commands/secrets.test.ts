// real-time: bcrypt hashes in threads that virtual time cannot wait for
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openHtpasswd } from '@cistern/auth';
import { createLogger } from '@cistern/telemetry';
import { runCommand } from '../testing/start-command.ts';

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
const files = [`one:${uid}`, `two:${uid}:${gid}`];
const options = [`--password=password:${uid}`, `--operators=operators:${uid}:${gid}`, '--login=http://localhost:5003'];

async function openDirectory(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-secrets-'));
  t.after(() => rm(directory, { recursive: true }));
  const read = (name: string) => readFile(join(directory, name), 'utf8');
  const readAll = async () => Promise.all((await readdir(directory)).toSorted().map(read));
  const create = () => runCommand(['secrets', directory, ...files, ...options]);
  /** Resolves to the result of a login of the operator. */
  const logIn = async (password: string) => {
    const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
    const check = await openHtpasswd({ path: join(directory, 'operators'), log });
    return (await check({ user: 'admin', password, clientIp: '192.0.2.1' }))?.result;
  };
  return { directory, read, readAll, create, logIn };
}

test('all secrets are created, and the password of the operator is printed', async (t) => {
  const { directory, read, create, logIn } = await openDirectory(t);
  const { code, stdout, stderr } = await create();
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual((await readdir(directory)).toSorted(), ['one', 'operators', 'password', 'two']);
  for (const name of ['one', 'two']) assert.match(await read(name), /^[0-9a-f]{64}$/);
  assert.notEqual(await read('one'), await read('two'));
  const password = await read('password');
  assert.match(password, /^[a-z2-9]{20}$/);
  assert.equal(await logIn(password), 'accepted');
  for (const line of ['  user      admin', `  password  ${password}`, '  open      http://localhost:5003'])
    assert.ok(stdout.split('\n').includes(line), line);
  assert.doesNotMatch(stdout, /[0-9a-f]{64}/);
});

test('only the user of a secret, and its group if it has one, can read it', async (t) => {
  const { directory, create } = await openDirectory(t);
  const modes = async () =>
    Promise.all(['one', 'two'].map(async (name) => (await stat(join(directory, name))).mode & 0o777));
  await create();
  assert.deepEqual(await modes(), [0o400, 0o440]);
  // Copied files get their modes back.
  for (const name of ['one', 'two']) await chmod(join(directory, name), 0o644);
  await create();
  assert.deepEqual(await modes(), [0o400, 0o440]);
});

test('a second run changes no secret and prints no password', async (t) => {
  const { readAll, create } = await openDirectory(t);
  await create();
  const earlier = await readAll();
  assert.deepEqual(await create(), { code: 0, stdout: 'All secrets exist.\n', stderr: '' });
  assert.deepEqual(await readAll(), earlier);
});

test('a new password does not claim to be that of an existing operator', async (t) => {
  const { directory, create, read, logIn } = await openDirectory(t);
  await create();
  const older = await read('password');
  await rm(join(directory, 'password'));
  const { stdout } = await create();
  assert.match(stdout, /^password is new, but operators exists and keeps the older password of admin\./);
  assert.doesNotMatch(stdout, /open +http/);
  assert.equal(await logIn(older), 'accepted');
});

test('an existing password becomes that of the operator', async (t) => {
  const { directory, create, logIn } = await openDirectory(t);
  await writeFile(join(directory, 'password'), 'the-earlier-password\n');
  assert.match((await create()).stdout, /^ {2}password {2}the-earlier-password$/m);
  assert.equal(await logIn('the-earlier-password'), 'accepted');
});

test('mistakes and missing rights are explained in one sentence', async (t) => {
  const { directory } = await openDirectory(t);
  for (const [args, message] of [
    [[directory, 'no-user'], /"no-user" is not a secret\. Write name:uid or name:uid:gid/],
    [[directory, '../x:1'], /is not a secret/],
    [[join(directory, 'gone'), `a:${uid}`], /gone does not exist\. Create it first/],
    [['/sys', `a:${uid}`], /\/sys\/a cannot be written by user \d+ \(EACCES\)\. Run this command as root/],
  ] as const) {
    const { code, stderr } = await runCommand(['secrets', ...args, ...options]);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.match(stderr, /^cistern: [^\n]+\.\n$/);
  }
});
