import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { type Redis, type RedisOptions, startRedis } from './start-redis.ts';

async function started(t: TestContext, options?: RedisOptions): Promise<Redis> {
  const redis = await startRedis(options);
  t.after(() => redis.close());
  return redis;
}

test('a redis answers, evicts nothing, and keeps its data across a restart', async (t) => {
  const redis = await started(t);
  assert.equal(await redis.command('CONFIG', 'GET', 'maxmemory-policy'), 'maxmemory-policy\nnoeviction');
  await redis.command('SET', 'a', 'one two');
  await redis.stop();
  await assert.rejects(redis.command('PING'));
  await redis.start();
  assert.equal(await redis.command('GET', 'a'), 'one two');
  await redis.kill();
  await redis.start();
  assert.equal(await redis.command('GET', 'a'), 'one two');
  await redis.flushAll();
  assert.equal(await redis.command('DBSIZE'), '0');
});

test('a frozen redis answers once it is thawed, and can be closed while frozen', async (t) => {
  const redis = await started(t);
  redis.freeze();
  const answer = redis.command('PING');
  redis.thaw();
  assert.equal(await answer, 'PONG');
  redis.freeze();
  await redis.stop();
});

test('a closed redis leaves nothing behind', async () => {
  const redis = await startRedis();
  const [, directory = ''] = (await redis.command('CONFIG', 'GET', 'dir')).split('\n');
  await redis.stop();
  assert.equal(existsSync(directory), true);
  await redis.close();
  await redis.close();
  assert.equal(existsSync(directory), false);
});

test('redis requires a user, a password and TLS when they are configured', async (t) => {
  const redis = await started(t, { username: 'ann', password: 'p w', tls: true });
  assert.equal(redis.url, `rediss://ann:p%20w@127.0.0.1:${redis.port}`);
  assert.match(redis.ca ?? '', /BEGIN CERTIFICATE/);
  assert.equal(await redis.command('ACL', 'WHOAMI'), 'ann');
});

test('an error reply and an invalid directive are errors', async (t) => {
  const redis = await started(t);
  await assert.rejects(redis.command('NONSENSE'), /unknown command/);
  await assert.rejects(
    startRedis({ directives: ['nonsense yes'] }),
    /redis-server ended before it was ready[^]*nonsense/,
  );
});
