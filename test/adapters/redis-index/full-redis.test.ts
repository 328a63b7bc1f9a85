import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { tagRecord } from './samples.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

test('a full Redis is named as the cause, and its nodes stay known', async (t) => {
  const { index } = await openUnderTest(t, { kind: 'standalone', host: redis.host, port: redis.port });
  await index.tags.put(tagRecord('1'));
  assert.equal(await index.findFull(), undefined);
  await redis.command('CONFIG', 'SET', 'maxmemory', '1');
  assert.match((await index.findFull()) ?? '', /its memory is full: raise maxmemory/);
  await index.check();
  assert.ok(await index.tags.get(tagRecord('1')));
  // A node that starts now is known too.
  for (const id of ['a', 'b', 'b'])
    await index.nodes.report(id, id, { ttlMs: 9_000, counts: { hits: 1 }, isWorker: true });
  assert.equal(await index.nodes.countWorkers(), 2);
  const { nodes, counts } = await index.nodes.read();
  assert.deepEqual([nodes.map(({ report }) => report).toSorted(), counts], [['a', 'b'], { hits: 3 }]);
  await index.nodes.leave('a', { hits: 1 });
  assert.equal(await index.nodes.countWorkers(), 1);
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  await until(async () => (await index.findFull()) === undefined);
});
