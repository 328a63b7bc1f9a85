import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from './memory/create-memory-store.ts';
import { sealObjects } from './seal-objects.ts';

const key = 'cistern/state/robots/0a.json';
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('utf8');

test('nodes read objects of other nodes, and other programs can neither read nor write them', async () => {
  const store = createMemoryStore();
  const open = (secret: string, purpose = 'robots') => sealObjects(store, secret, purpose);
  const [one, other] = [open('a secret of the nodes'), open('a secret of the nodes')];
  // The secret text is so long that random base64 does not contain it by chance.
  const plain = '{"name":"continuous-integration ☃"}';
  await one.writeObject(key, Buffer.from(plain));
  assert.equal(text(await other.readObject(key)), plain);
  const sealed = text(await store.readObject(key)) ?? '';
  for (const secret of ['continuous-integration', Buffer.from(plain).toString('base64'), plain])
    assert.ok(sealed !== '' && !sealed.includes(secret), sealed);
  assert.equal(await open('another secret of nodes').readObject(key), undefined);
  assert.equal(await open('a secret of the nodes', 'token keys').readObject(key), undefined);
  await store.writeObject('cistern/state/robots/0b.json', (await store.readObject(key)) ?? Buffer.alloc(0));
  assert.equal(
    await one.readObject('cistern/state/robots/0b.json'),
    undefined,
    'an object is not readable under another key',
  );
  await store.writeObject(key, Buffer.from('{"name":"forged"}'));
  assert.equal(await one.readObject(key), undefined);
  assert.equal(await other.removeObject(key), true);
  assert.equal(await one.readObject(key), undefined);
});

test('a single node stores its objects unencrypted', async () => {
  const store = createMemoryStore();
  await sealObjects(store, undefined, 'robots').writeObject(key, Buffer.from('x'));
  assert.equal(text(await store.readObject(key)), 'x');
});
