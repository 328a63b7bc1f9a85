import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisSentinel } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { claim, digestFor, tagRecord } from './samples.ts';
import { until } from './until.ts';

test('after a failover the index uses the new master, and listeners are called', async (t) => {
  const setUp = await startRedisSentinel();
  t.after(() => setUp.close());
  const { addresses: sentinels, name, master, replica } = setUp;
  const { index } = await openUnderTest(t, { kind: 'sentinel', sentinels, name });
  await index.tags.put(tagRecord('1'));
  const heard = Promise.withResolvers<void>();
  await index.pubsub.subscribe('topic', () => heard.resolve());
  // Replication is asynchronous: a failover loses writes that the replica does not have.
  await until(async () => (await replica.command('DBSIZE')) === (await master.command('DBSIZE')));

  // This looks like a partition: the master is silent, and its connections stay open.
  master.freeze();
  await assert.rejects(index.check(), { kind: 'index-unavailable' });
  await until(async () => (await index.fills.claim(claim('a', 'me', { leaseMs: 60_000 }))) !== undefined);
  assert.equal(await setUp.masterPort(), replica.port);
  assert.deepEqual(await index.tags.get(tagRecord('1')), tagRecord('1'));
  await heard.promise;
  assert.equal((await index.fills.read(digestFor('a')))?.owner, 'me');
  const published = Promise.withResolvers<void>();
  await index.pubsub.subscribe('other', () => published.resolve());
  await index.pubsub.publish('other');
  await published.promise;
});
