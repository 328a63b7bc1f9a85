// Tests that SQLite and Redis behave the same: any sequence of calls gets the same answers and ends in the same state.
// A failure prints the shortest failing sequence, and the command that runs it alone.
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { openRedisIndex, type RedisIndex } from '@cistern/index/redis';
import { openSqliteIndex } from '@cistern/index/sqlite';
import type { RedisConnection } from '@cistern/redis';
import { commandTimeoutMs, startRedis, startRedisCluster, type Redis, type RedisCluster } from '@cistern/test-servers';
import fc from 'fast-check';
import { type Call, calls, compare } from './same-index/compare.ts';
import { createSubject, passRealTime } from './same-index/operation.ts';
import { runProperty } from './same-index/run-property.ts';

const file = import.meta.filename;
let redis: Redis;
let cluster: RedisCluster;

before(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
});
after(() => Promise.all([redis.close(), cluster.close()]));

test('a Redis answers as SQLite does', async (t) => {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  await runProperty({ file, property: fc.asyncProperty(calls, comparing(t, connection)) });
});

test('a Redis Cluster answers as SQLite does', async (t) => {
  const connection = { kind: 'cluster', nodes: cluster.addresses } as const;
  await runProperty({ file, property: fc.asyncProperty(calls, comparing(t, connection)), share: 0.5 });
});

function comparing(t: TestContext, connection: RedisConnection): (sequence: readonly Call[]) => Promise<void> {
  const logged: string[] = [];
  const keep = (_fields: object, message: string) => void logged.push(message);
  const log = { warn: keep, error: keep };
  const options = { keyPrefix: 'same:', settleMs: 0, commandTimeoutMs: commandTimeoutMs.patient, log };
  let ofRedis: RedisIndex | undefined;
  const close = async () => ofRedis?.close();
  t.after(close);

  return async (sequence) => {
    const clock = { nowMs: 1_700_000_000_000 };
    const skip = async () => void (clock.nowMs += 10);
    ofRedis ??= await openRedisIndex({ connection, ...options });
    const ofSqlite = await openSqliteIndex({ path: ':memory:', now: () => (clock.nowMs += 1), log });
    try {
      await flush(ofRedis);
      await compare(sequence, createSubject(ofRedis, passRealTime), createSubject(ofSqlite, skip));
      assert.deepEqual(logged.splice(0), []);
    } catch (error) {
      // An update may still be pending and would leak into the next sequence.
      await close();
      ofRedis = undefined;
      throw error;
    } finally {
      await ofSqlite.close();
    }
  };
}

async function flush({ client }: RedisIndex): Promise<void> {
  const servers = 'nodes' in client ? client.nodes('master') : [client];
  await Promise.all(servers.map((server) => server.flushall()));
}
