import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { openFakeRedis } from '../testing/open-fake-redis.ts';
import { hearEndedJobs } from './hear-ended-jobs.ts';

const subscribed = '>3\r\n$9\r\nsubscribe\r\n$5\r\nended\r\n:1\r\n';
const message = '>3\r\n$7\r\nmessage\r\n$5\r\nended\r\n$5\r\njob-1\r\n';

test('a connection that ends as it subscribes is opened again, and its failure ends nothing', async (t) => {
  const heard = Promise.withResolvers<string>();
  const port = await openFakeRedis(t, ({ command, socket, connection }) => {
    if (command !== 'subscribe') return undefined;
    if (connection > 2) return subscribed + message;
    // The first connection is lost after its subscription, the second one before.
    socket.end(connection === 1 ? subscribed : '');
    return '';
  });
  const client = new Redis({ port, lazyConnect: true });
  let hearings = 0;
  const ear = hearEndedJobs({
    connection: { kind: 'standalone', host: '127.0.0.1', port },
    client,
    channel: 'ended',
    onJob: heard.resolve,
    onHearing: () => (hearings += 1),
    onError: () => {},
  });
  t.after(() => ear.close());
  assert.equal(await heard.promise, 'job-1');
  assert.equal(hearings, 2);
});
