// Tests races of eviction on a real Redis. The evictor is another process with its own connection.
import { randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import { openRedisIndex } from '@cistern/index/redis';
import { describeEvictionRaces } from '@cistern/maintenance/eviction-races';
import { commandTimeoutMs, startRedis, type Redis } from '@cistern/test-servers';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

describeEvictionRaces('redis', async () => {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const options = {
    connection,
    keyPrefix: `test-${randomUUID()}:`,
    settleMs: 0,
    commandTimeoutMs: commandTimeoutMs.patient,
    log: { warn() {}, error() {} },
  };
  const [index, ofEvictor] = [await openRedisIndex(options), await openRedisIndex(options)];
  const close = async () => {
    await ofEvictor.close();
    await index.close();
  };
  return { index, ofEvictor, hasOwnClock: true, close };
});
