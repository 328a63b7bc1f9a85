// Tests nodes of release 0.1.0 on the same Redis, which keep fills and workers at other keys. Both releases see each
// other's fills.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { blobRecord, claim, claimed, digestFor } from './samples.ts';
import { until } from './until.ts';

const size = 10;
const ofOurs = { protocol: 2, signature: 'signed' } as const;
const digest = digestFor('a');
const older = {
  v: 1,
  fillId: 'older',
  owner: 'older',
  generation: 7,
  address: 'http://older:5002',
  class: 'interactive',
};
let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

async function open(t: Parameters<typeof openUnderTest>[0]) {
  const { index, keyPrefix } = await openUnderTest(t, { kind: 'url', url: redis.url });
  const key = `${keyPrefix}{b:${digest.slice(7, 9)}}:fill:${digest}`;
  const field = async (name: string) => redis.command('HGET', key, name);
  return {
    index,
    fills: index.fills,
    field,
    isShown: async () => (await redis.command('EXISTS', key)) === '1',
    leaseMs: async () => Number(await redis.command('PTTL', key)),
    async writeOlder(state: string) {
      const fields = {
        ...older,
        upstream: 'docker.io',
        repository: 'library/nginx',
        size,
        state,
        expiresAtMs: 9_999_999_999_999,
      };
      await redis.command('DEL', key);
      await redis.command('HSET', key, ...Object.entries(fields).flatMap(([name, value]) => [name, String(value)]));
      await redis.command('PEXPIRE', key, '60000');
    },
    /** Makes the count of nodes look old. */
    forgetSince: async () => redis.command('HSET', `${keyPrefix}{n}:counts`, '', '1'),
    removeOlder: async () => redis.command('DEL', key),
  };
}

test('a fill of an older worker is read, and no claim replaces it while it lives', async (t) => {
  const { index, fills, field, writeOlder, removeOlder } = await open(t);
  await writeOlder('running');
  const { fillId, generation, protocol, state } = (await fills.read(digest))!;
  assert.deepEqual([fillId, generation, protocol, state], ['older', 7, undefined, 'running']);
  assert.equal(await fills.claim(claim('a', 'me', { replaces: 99 })), undefined);
  assert.equal(await field('owner'), 'older');
  await writeOlder('done');
  assert.equal((await fills.read(digest))?.state, 'done');
  assert.equal((await claimed(index, claim('a', 'me'))).owner, 'me');
  assert.equal((await fills.read(digest))?.fillId, 'fill-of-me');
  await removeOlder();
});

test('older nodes see a fill while it runs and when it ends', async (t) => {
  const { index, fills, field, leaseMs } = await open(t);
  const record = await claimed(index, claim('a', 'me', { leaseMs: 30_000 }));
  await until(async () => (await field('state')) === 'starting');
  await fills.running(digest, 'me', size, ofOurs);
  await until(async () => (await field('state')) === 'running');
  assert.deepEqual([await field('size'), await field('v')], ['10', '1']);
  // Older nodes treat a record as live until Redis expires it.
  assert.ok((await leaseMs()) <= 30_000);
  await fills.heartbeat({ ...record, ...ofOurs, state: 'running', size }, 90_000);
  await until(async () => (await leaseMs()) > 30_000);
  await fills.done(digest, 'me', blobRecord('a', { size }));
  await until(async () => (await field('state')) === 'done');
});

test('older nodes see a failure, and no longer see an abandoned fill', async (t) => {
  const { index, fills, field, isShown } = await open(t);
  await claimed(index, claim('a', 'me'));
  await fills.failed(digest, 'me', { kind: 'denied', message: 'No.' }, 60_000);
  await until(async () => (await field('failure')).includes('"denied"'));
  const record = await claimed(index, claim('a', 'other'));
  await fills.running(digest, 'other', size, ofOurs);
  await until(async () => (await field('state')) === 'running');
  await fills.heartbeat({ ...record, ...ofOurs, state: 'running', size }, 0);
  await until(async () => !(await isShown()));
  assert.equal(await fills.read(digest), undefined);
});

test('copies for older nodes do not count as their fills, and never overwrite them', async (t) => {
  const { index, fills, field, writeOlder } = await open(t);
  const first = await claimed(index, claim('a', 'me', { leaseMs: 60_000 }));
  await fills.running(digest, 'me', size, ofOurs);
  await until(async () => (await field('state')) === 'running');
  const next = await claimed(index, claim('a', 'other', { replaces: first.generation, leaseMs: 60_000 }));
  await until(async () => (await field('owner')) === 'other');
  await writeOlder('running');
  assert.equal((await fills.read(digest))?.owner, 'other');
  await fills.heartbeat({ ...next, ...ofOurs, state: 'running', size }, 60_000);
  // Copying a fill takes this many turns.
  for (let turn = 0; turn < 3; turn += 1) assert.equal(await field('owner'), 'older');
});

test('the number of workers is unknown while an older worker runs', async (t) => {
  const { index, forgetSince } = await open(t);
  const options = { ttlMs: 60_000, counts: {} };
  await index.nodes.report('frontend', JSON.stringify({ role: 'frontend' }), options);
  await forgetSince();
  assert.equal(await index.nodes.countWorkers(), 0);
  await index.nodes.report('worker', JSON.stringify({ role: 'worker' }), options);
  assert.equal(await index.nodes.countWorkers(), undefined);
  await index.nodes.leave('worker', {});
  assert.equal(await index.nodes.countWorkers(), 0);
});
