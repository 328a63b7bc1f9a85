import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { sealObjects } from '@cistern/blob-store';
import { createStoreTokenKeys } from './token-keys.ts';

const secret = 'a secret of sixteen bytes';
const hour = 3_600_000;

function openKeys() {
  const store = createMemoryStore();
  const clock = { nowMs: 1e12 };
  const open = (of = secret) =>
    createStoreTokenKeys({ store: sealObjects(store, of, 'token keys'), now: () => clock.nowMs });
  const names = async () => {
    const found: string[] = [];
    for await (const name of store.listObjects('cistern/state/token-keys/')) found.push(name);
    return found;
  };
  return { store, clock, open, names };
}

test('all frontends use the same key, and find the keys of others', async () => {
  const { open, names } = openKeys();
  const [one, other] = [open(), open()];
  const key = await one.current();
  assert.deepEqual(await other.current(), await other.find(key.id));
  assert.equal((await other.current()).id, key.id);
  assert.deepEqual(new Uint8Array((await other.current()).secret), new Uint8Array(key.secret));
  assert.equal((await names()).length, 1);
});

test('a key that another frontend just created is found with its first token', async () => {
  const { open, clock } = openKeys();
  const [one, other] = [open(), open()];
  assert.equal(await other.find('nobodys'), undefined);
  const key = await one.current();
  assert.equal(await other.find(key.id), undefined, 'not read again within a second');
  clock.nowMs += 1000;
  assert.equal((await other.find(key.id))?.id, key.id);
});

test('a new key is created after a day, and the old one stays valid for another day', async () => {
  const { open, clock, names } = openKeys();
  const keys = open();
  const first = await keys.current();
  clock.nowMs += 25 * hour;
  const [second] = await Promise.all([keys.current(), keys.current()]);
  assert.notEqual(second.id, first.id);
  assert.equal((await names()).length, 2);
  assert.equal((await open().find(first.id))?.id, first.id);
  clock.nowMs += 25 * hour;
  const third = await keys.current();
  assert.deepEqual(
    (await names()).map((name) => name.includes(first.id)),
    [false, false],
  );
  assert.equal(await open().find(first.id), undefined);
  assert.equal((await open().find(second.id))?.id, second.id);
  assert.equal((await open().current()).id, third.id);
});

test('a key in the store is encrypted, and a node with another secret does not find it', async () => {
  const { store, open, names } = openKeys();
  const key = await open().current();
  const [name = ''] = await names();
  const stored = Buffer.from((await store.readObject(name)) ?? []).toString();
  for (const encoding of ['base64', 'base64url', 'hex'] as const)
    assert.ok(!stored.includes(Buffer.from(key.secret).toString(encoding)));
  const others = open('another secret of nodes');
  assert.equal(await others.find(key.id), undefined);
  assert.notEqual((await others.current()).id, key.id);
});
