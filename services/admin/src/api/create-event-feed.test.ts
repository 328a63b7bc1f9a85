import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { createEventFeed } from './create-event-feed.ts';

const log = { error: () => assert.fail('no error is hidden') };

/** Reads `count` events from the stream. */
async function take(stream: Readable, count: number): Promise<string[]> {
  let text = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const events = text.split('\n\n').slice(1, -1);
    if (events.length >= count) return events.slice(0, count);
  }
  throw new Error(`the stream has ended: ${text}`);
}

test('all listeners share one read of a source, and sources are not read without a listener', async (t) => {
  let reads = 0;
  const feed = createEventFeed({ log, sources: { fills: async () => ({ look: (reads += 1) }) }, everyMs: 5 });
  t.after(() => feed.close());
  await delay(20);
  assert.equal(reads, 0);
  const [one, other] = [feed.listen() ?? assert.fail(), feed.listen() ?? assert.fail()];
  const expected = ['event: fills\ndata: {"look":1}', 'event: fills\ndata: {"look":2}'];
  assert.deepEqual(await Promise.all([take(one, 2), take(other, 2)]), [expected, expected]);
  one.destroy();
  other.destroy();
  await delay(20);
  const before = reads;
  await delay(30);
  assert.equal(reads, before);
  assert.equal((await take(feed.listen() ?? assert.fail(), 1)).length, 1);
});

test('a failing source sends an unavailable event with the reason, and the other sources continue', async (t) => {
  const unavailable = new CacheError('index-unavailable', 'Redis is unavailable.');
  const feed = createEventFeed({ log, sources: { nodes: () => Promise.reject(unavailable), fills: async () => ({}) } });
  t.after(() => feed.close());
  assert.deepEqual(await take(feed.listen() ?? assert.fail(), 2), [
    'event: unavailable\ndata: {"event":"nodes","message":"Redis is unavailable."}',
    'event: fills\ndata: {}',
  ]);
});

test('the feed limits its listeners, disconnects one that reads nothing, and ends all when it closes', async () => {
  const feed = createEventFeed({
    log,
    sources: { fills: async () => ({ a: 'x'.repeat(300_000) }) },
    everyMs: 1,
    maxListeners: 2,
  });
  const slow = feed.listen() ?? assert.fail();
  const reading = feed.listen() ?? assert.fail();
  reading.resume();
  assert.equal(feed.listen(), undefined);
  await once(slow, 'close');
  assert.equal(reading.destroyed, false);
  const next = feed.listen() ?? assert.fail();
  next.resume();
  feed.close();
  await Promise.all([once(reading, 'end'), once(next, 'end')]);
  assert.equal(feed.listen(), undefined);
});
