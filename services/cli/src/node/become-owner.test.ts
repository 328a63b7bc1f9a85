import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeOwner, type Owner, type ProcessUser } from './become-owner.ts';

const [root, cistern, guest] = [0, 10001, 1234].map((id): Owner => ({ uid: id, gid: id })) as [Owner, Owner, Owner];

interface Recorded extends ProcessUser {
  readonly calls: string[];
}

function createUser(uid: number, { mayChange = true, groups = [0] } = {}): Recorded {
  const calls: string[] = [];
  const record = (call: string) => (value: unknown) => {
    if (!mayChange) throw Object.assign(new Error('setgroups EPERM'), { code: 'EPERM' });
    calls.push(`${call} ${String(value)}`);
  };
  return {
    calls,
    getuid: () => uid,
    getgroups: () => groups,
    setgroups: record('groups'),
    setgid: record('gid'),
    setuid: record('uid'),
  };
}

const become = (user: Recorded, owners: Readonly<Record<string, Owner>>, directory = '/var/lib/registry') => {
  becomeOwner(directory, user, (path) => owners[path]);
  return user.calls;
};

test('root becomes the owner of the directory, groups first', () => {
  const calls = become(createUser(0), { '/var/lib/registry': cistern });
  assert.deepEqual(calls, ['groups 10001', 'gid 10001', 'uid 10001']);
});

test("root stays root on root's own volume, as registry:2 leaves one", () => {
  assert.deepEqual(become(createUser(0), { '/var/lib/registry': root }), []);
});

test('the owner of written data counts before the owner of its directory', () => {
  const written = { '/var/lib/registry': cistern, '/var/lib/registry/docker': guest };
  assert.deepEqual(become(createUser(0), written), ['groups 1234', 'gid 1234', 'uid 1234']);
  assert.deepEqual(become(createUser(0), { ...written, '/var/lib/registry/docker': root }), []);
});

test('root becomes the owner of the parent of a directory that does not exist yet', () => {
  const calls = become(createUser(0), { '/': root, '/var/lib/cistern': cistern }, '/var/lib/cistern/spool/deep');
  assert.deepEqual(calls, ['groups 10001', 'gid 10001', 'uid 10001']);
  assert.deepEqual(become(createUser(0), { '/': root }, '/srv/data'), []);
});

test("root keeps the groups given to the container and drops root's own", () => {
  const calls = become(createUser(0, { groups: [0, 2000] }), { '/var/lib/registry': cistern });
  assert.deepEqual(calls, ['groups 10001,2000', 'gid 10001', 'uid 10001']);
});

test('a user that is not root stays the same', () => {
  assert.deepEqual(become(createUser(1234), { '/var/lib/registry': cistern }), []);
});

test('root without the capability to change users continues in a new volume', () => {
  assert.deepEqual(become(createUser(0, { mayChange: false }), { '/var/lib/registry': cistern }), []);
});

test("root without the capability fails on another user's data and names the owner", () => {
  const owners = { '/var/lib/registry': root, '/var/lib/registry/docker': cistern };
  assert.throws(() => become(createUser(0, { mayChange: false }), owners), {
    name: 'StartError',
    message: /belongs to user 10001.*--user 10001:10001/,
  });
});
