import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFakeRedis } from '../testing/open-fake-redis.ts';
import { openWaitingClient } from './redis-clients.ts';

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

test('a command to a replica of a cluster fails, and the next command reaches the master', async (t) => {
  let replies = 0;
  const port: number = await openFakeRedis(t, ({ command }) => {
    // The reply to CLUSTER SLOTS, in which this server has all hash slots. ioredis accepts the same reply to CLUSTER
    // INFO.
    if (command === 'cluster')
      return `*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n${bulk('127.0.0.1')}:${port}\r\n${bulk('a'.repeat(40))}`;
    if (command !== 'set') return undefined;
    replies += 1;
    return replies === 1 ? "-READONLY You can't write against a read only replica.\r\n" : undefined;
  });
  const client = openWaitingClient({ kind: 'cluster', nodes: [{ host: '127.0.0.1', port }] });
  t.after(() => client.disconnect());
  await assert.rejects(async () => client.set('key', 'value'), /READONLY/);
  assert.equal(await client.set('key', 'value'), 'OK');
  assert.equal(replies, 2);
});
