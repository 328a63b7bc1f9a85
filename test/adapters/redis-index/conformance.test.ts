// Runs the conformance suite of the index on a plain Redis, and on one with an ACL, TLS and another database.
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { describeCacheIndex } from '@cistern/index/conformance';
import { startRedis, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';

let plain: Redis;
let guarded: Redis;

before(async () => {
  plain = await startRedis();
  guarded = await startRedis({ username: 'cistern', password: 'p:@/ w', tls: true });
  // The account may use only keys with the prefix, and INFO as the only dangerous command.
  const rights = ['resetkeys', '~test-*', 'resetchannels', '&test-*', '-@dangerous', '+info'];
  await guarded.command('ACL', 'SETUSER', 'cistern', ...rights);
});
after(async () => {
  await plain.close();
  await guarded.close();
});

// real-time: records expire by the clock of Redis
const ownTime = { now: Date.now, advance: async (ms: number) => delay(ms + 5) };

describeCacheIndex(
  'redis',
  async (t) => {
    t.after(() => plain.start());
    const { index } = await openUnderTest(t, { kind: 'standalone', host: plain.host, port: plain.port });
    return { index, ...ownTime, fail: () => plain.stop() };
  },
  { isShared: true },
);

describeCacheIndex('redis with a restricted account and TLS', async (t) => {
  t.after(() => guarded.thaw());
  const tls = { ca: guarded.ca };
  const { index } = await openUnderTest(t, { kind: 'url', url: `${guarded.url}/3`, tls });
  return { index, ...ownTime, fail: async () => guarded.freeze() };
});
