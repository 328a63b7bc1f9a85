// Remote followers come, read slowly and leave. The server waits for a slow one, and frees the resources of one that leaves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '../testing/create-random.ts';
import { readAll, startFillServer } from '../testing/start-fill-server.ts';
import { until } from '@cistern/runtime/testing';

const mebibyte = 1024 * 1024;

test('both sides wait for a slow follower, and it gets all bytes', { timeout: 60_000 }, async (t) => {
  const { bytes, open, bytesSent, uploaded } = await startFillServer(t, { size: 24 * mebibyte });
  await uploaded;
  const before = process.memoryUsage().arrayBuffers;
  const reader = (await open(0, bytes.length))!;
  const buffer = Buffer.alloc(100_000);
  const length = await reader.read(buffer);
  await delay(500);
  // The limit covers the buffers of the kernel for both sockets, and those of Cistern.
  assert.ok(bytesSent() < 12 * mebibyte, `${bytesSent()} bytes were sent to a reader that took ${length}`);
  t.diagnostic(`${process.memoryUsage().arrayBuffers - before} more bytes of buffers`);
  const rest = await readAll(reader);
  assert.ok(Buffer.concat([buffer.subarray(0, length), rest]).equals(bytes));
});

test('a follower that closes is removed at the worker immediately, even while the fill has no bytes for it', async (t) => {
  const { fill, open, sockets } = await startFillServer(t, { size: 900_000, sent: 100_000 });
  const readers = await Promise.all(Array.from({ length: 5 }, () => open(400_000, 900_000)));
  const waiting = readers.map((reader) => reader!.read(Buffer.alloc(10)).catch(() => 'closed'));
  assert.equal(fill.readers, 5);
  for (const reader of readers) reader!.close();
  assert.deepEqual(
    await Promise.all(waiting),
    Array.from({ length: 5 }, () => 'closed'),
  );
  await until(() => sockets.size === 0);
  // The wait is shorter than the time to the next heartbeat, which would also notice the closed connection.
  await delay(20);
  assert.equal(fill.readers, 0);
});

test('hundreds of followers that leave at random leave nothing', { timeout: 120_000 }, async (t) => {
  const { fill, open, bytes, remote, place, sockets, hub, presentEnd } = await startFillServer(t, {
    size: 3 * mebibyte,
    sent: 2 * mebibyte,
  });
  await until(async () => (await presentEnd()) === 2 * mebibyte);
  const random = createRandom(7);
  const timersBefore = countTimers();
  const follow = async () => {
    const from = random(2 * mebibyte);
    const leaving = new AbortController();
    const fate = random(5);
    if (fate === 0) setTimeout(() => leaving.abort(new Error('left')), random(4));
    try {
      const range = { from, toExclusive: bytes.length, verified: random(2) === 0 };
      const reader =
        fate === 1
          ? (await remote.openPresent(place, from, leaving.signal))!.reader
          : (await remote.open(place, range, leaving.signal))!;
      const buffer = Buffer.alloc(1 + random(300_000));
      const reads = random(4);
      // Closes early or late, because some readers would wait forever for bytes that do not come.
      setTimeout(() => reader.close(), fate === 2 ? random(4) : 30);
      let position = from;
      for (let i = 0; i < reads; i += 1) {
        const length = await reader.read(buffer);
        assert.ok(bytes.subarray(position, position + length).equals(buffer.subarray(0, length)));
        position += length;
      }
      reader.close();
    } catch (error) {
      assert.match((error as Error).message, /left|closed|abort|broke|unreachable/i);
    }
  };
  const breaking: Promise<void>[] = [];
  const breakAll = async (afterMs: number) => {
    await delay(afterMs);
    for (const socket of sockets) socket.destroy();
  };
  for (let round = 0; round < 16; round += 1) {
    if (round % 4 === 0) breaking.push(breakAll(random(8)));
    await Promise.all(Array.from({ length: 25 }, follow));
  }
  await Promise.all(breaking);
  // The cache may keep its own reader for a while, so that later clients can share it.
  await until(() => fill.readers <= 1);
  // Idle connections are kept for reuse.
  assert.ok(sockets.size <= 30, `${sockets.size} sockets are open`);
  await until(() => countTimers() <= timersBefore + 2);
  assert.ok((await readAll((await open(0, mebibyte))!)).equals(bytes.subarray(0, mebibyte)));
  hub.allow(bytes.length);
});

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}
