// real-time: bcrypt hashes in threads that virtual time cannot wait for
import assert from 'node:assert/strict';
import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runCommand } from '../testing/start-command.ts';

const password = 'eight or more';
const user = (args: readonly string[], stdin = '') => runCommand(['user', ...args], { stdin });
const isRoot = process.getuid?.() === 0;

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-users-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** Returns user, group and mode of a file. */
async function accessOf(path: string): Promise<[number, number, string]> {
  const { uid, gid, mode } = await stat(path);
  return [uid, gid, (mode & 0o777).toString(8)];
}

test('user creates a file of users and changes it', async (t) => {
  const file = join(await openDirectory(t), 'operators');
  assert.equal((await user(['add', file, 'ada'], `${password}\n`)).code, 0);
  assert.equal((await user(['add', file, 'bob'], password)).code, 0);
  assert.match(await readFile(file, 'utf8'), /^ada:\$2b\$12\$.{53}\nbob:\$2b\$12\$.{53}\n$/);
  assert.deepEqual(await user(['list', file]), { code: 0, stdout: 'ada\nbob\n', stderr: '' });
  assert.equal((await user(['remove', file, 'ada'])).code, 0);
  assert.equal((await user(['list', file])).stdout, 'bob\n');
});

test('each mistake and each missing right is explained in one sentence', async (t) => {
  const directory = await openDirectory(t);
  const file = join(directory, 'operators');
  await writeFile(file, '');
  for (const [args, input, message] of [
    [['add', file, 'eve'], '', /a password needs at least 8 characters/],
    [['add', file, 'eve'], 'seven..\n', /a password needs at least 8 characters/],
    [['remove', file, 'ada'], '', /has no user "ada"/],
    [['list', `${file}.gone`], '', /does not exist/],
    [['list', directory], '', /cannot be read \(EISDIR\)/],
    [['add', join(directory, 'gone', 'operators'), 'eve'], password, /gone does not exist\. Create it first/],
    // Not even root can create or read these.
    [['add', '/sys/operators', 'eve'], password, /cannot be written by user \d+ \(EACCES\)\. Run this command as root/],
    [
      ['list', '/proc/sys/net/ipv4/route/flush'],
      '',
      /cannot be read by user \d+ \(EACCES\)\. Run this command as root/,
    ],
  ] as const) {
    const { code, stderr } = await user(args, input);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.match(stderr, /^cistern: [^\n]+\.\n$/);
  }
  assert.equal(await readFile(file, 'utf8'), '');
});

test('a new file of root belongs to the owner and group of its directory, and that of another user is private', async (t) => {
  const directory = await openDirectory(t);
  const file = join(directory, 'operators');
  if (isRoot) await chown(directory, 10_001, 10_002);
  await user(['add', file, 'ada'], password);
  const own = [process.getuid?.(), process.getgid?.(), '600'];
  assert.deepEqual(await accessOf(file), isRoot ? [10_001, 10_002, '640'] : own);
});

test('an existing file keeps its owner, group and mode', async (t) => {
  const file = join(await openDirectory(t), 'operators');
  await writeFile(file, '');
  await chmod(file, 0o644);
  // The group differs and the user does not, as in /etc/cistern.
  if (isRoot) await chown(file, 0, 10_002);
  const earlier = await accessOf(file);
  await user(['add', file, 'ada'], password);
  assert.deepEqual(await accessOf(file), earlier);
});
