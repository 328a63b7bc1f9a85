// Tests two releases side by side: records of a newer schema count as absent, and no call changes them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { packed } from './packed.ts';
import { blobRecord, claim, claimed, digestFor, link, nginx, tagRecord } from './samples.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

test('a record of a newer schema counts as absent, and no call changes it', async (t) => {
  const { index, keyPrefix, logged } = await openUnderTest(t, { kind: 'url', url: redis.url });
  const { tags, manifests, blobs, links, fills } = index;
  const digest = digestFor('a');
  const manifest = { schema: 1, digest, mediaType: 'application/json', size: 1, storedAtMs: 1 } as const;
  await tags.put(tagRecord('1'));
  await blobs.put(blobRecord('a'));
  await manifests.put(manifest);
  await links.put(nginx, [link('a')]);
  const fill = await claimed(index, claim('a', 'me', { leaseMs: 60_000 }));
  const all = (await redis.command('KEYS', `${keyPrefix}*`)).split('\n');
  // Copies of fills for older releases are written later than their records.
  const keys = all.filter((key) => !/\{b:[0-9a-f]{2}\}:fill:/.test(key));
  for (const key of keys) {
    const type = await redis.command('TYPE', key);
    if (type === 'hash' && /:(?:b|m|fill|t):/.test(key)) await redis.command('HSET', key, 'v', '2');
    if (key.endsWith(':digests')) await redis.command('HSET', key, packed(digest), '2{"new":true}');
  }
  const dump = async () => Promise.all(keys.map((key) => redis.command('DUMP', key)));
  const untouched = await dump();

  assert.equal(await tags.get(tagRecord('1')), undefined);
  assert.deepEqual(await tags.list(nginx.upstream, nginx.repository, { limit: 10 }), []);
  assert.equal(await manifests.get(digest), undefined);
  assert.equal(await blobs.get(digest), undefined);
  assert.equal(await links.get(nginx, digest), undefined);
  assert.equal(await fills.read(digest), undefined);

  await tags.put(tagRecord('1', { pulls: 99 }));
  await tags.replace(undefined, tagRecord('1', { pulls: 99 }));
  await tags.recordPull(tagRecord('1'), 99);
  await manifests.put({ ...manifest, size: 99 });
  await blobs.put(blobRecord('a', { size: 99 }));
  await blobs.markVerified(digest);
  await blobs.touch(digest, 99);
  await links.put(nginx, [{ ...link('a'), size: 99 }]);
  assert.equal(await fills.claim(claim('a', 'other', { replaces: fill.generation + 99 })), undefined);
  assert.equal(await fills.running(digest, 'me', 99), false);
  assert.equal(await fills.heartbeat(fill, 99_000), 'lost');
  assert.equal(await fills.done(digest, 'me', blobRecord('a', { size: 99 })), false);
  assert.equal(await fills.failed(digest, 'me', { kind: 'overloaded', message: 'No.' }, 99), false);
  assert.equal(await tags.remove(tagRecord('1')), false);
  assert.equal(await manifests.remove(digest), false);
  assert.equal(await blobs.remove(digest), false);
  assert.equal(await links.remove(nginx, digest), false);
  await index.close();

  assert.deepEqual(await dump(), untouched);
  assert.deepEqual(new Set(logged.map(({ kind }) => kind)), new Set(['blob', 'link', 'manifest', 'tag']));
  assert.equal(logged.length, 4);
});

test('a fill finishes although the record of its blob has a newer schema', async (t) => {
  const { index, keyPrefix, logged } = await openUnderTest(t, { kind: 'url', url: redis.url });
  const digest = digestFor('a');
  await index.blobs.put(blobRecord('a'));
  await redis.command('HSET', `${keyPrefix}{b:all}:b:${packed(digest)}`, 'v', '2');
  await index.fills.claim(claim('a', 'me'));
  assert.equal(await index.fills.done(digest, 'me', blobRecord('a', { size: 99 })), true);
  assert.equal((await index.fills.read(digest))?.state, 'done');
  assert.deepEqual(await index.blobs.totals(), { blobs: 1, bytes: 10 });
  assert.equal(logged.length, 1);
});

test('unknown fields of a fill from another release stay, and the known ones are read', async (t) => {
  const { index, keyPrefix } = await openUnderTest(t, { kind: 'url', url: redis.url });
  const { fills } = index;
  const fill = await claimed(index, claim('b', 'me', { leaseMs: 60_000 }));
  const key = `${keyPrefix}{b:all}:fill:${fill.digest}`;
  await redis.command('HSET', key, 'unheard', 'of');
  assert.equal(await fills.running(fill.digest, 'me', 10, { protocol: 2, signature: 'signed' }), true);
  assert.equal(await fills.heartbeat(fill, 60_000), 'kept');
  assert.equal(await redis.command('HGET', key, 'unheard'), 'of');
  assert.deepEqual(
    { ...(await fills.read(fill.digest)), expiresAtMs: 0 },
    {
      ...fill,
      state: 'running',
      size: 10,
      protocol: 2,
      signature: 'signed',
      expiresAtMs: 0,
    },
  );
  // A release without signatures writes the record like this.
  await redis.command('HDEL', key, 'protocol', 'signature');
  const unsigned = await fills.read(fill.digest);
  assert.deepEqual([unsigned?.state, unsigned?.protocol, unsigned?.signature], ['running', undefined, undefined]);
});
