import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { chunkBytes } from './buffer-pool.ts';
import { assertNothingLeft, startReads } from './testing/start-reads.ts';

test('fifty readers share one stream, and every one gets all bytes', async () => {
  const bytes = bytesOf(5 * 1024 * 1024 + 17);
  const started = startReads(bytes);
  const bodies = await Promise.all(Array.from({ length: 50 }, () => collect(started.attach())));
  for (const body of bodies) assert.ok(body.equals(bytes));
  assert.equal(started.opened.length, 1);
  assert.equal(started.opened[0]?.read, bytes.length);
  assertNothingLeft(started);
});

test('a reader that joins shortly after shares chunks that the others have already passed', async () => {
  const bytes = bytesOf(20 * chunkBytes);
  const started = startReads(bytes);
  const early = [started.attach(), started.attach()];
  for (let chunk = 0; chunk < 3; chunk += 1) await Promise.all(early.map(async (reader) => reader.next()));
  const late = await collect(started.attach());
  for (const reader of early) reader.close();
  assert.ok(late.equals(bytes));
  assert.equal(started.opened.length, 1);
  assertNothingLeft(started);
});

test('a lone reader of a range causes no reads beyond its range', async () => {
  const bytes = bytesOf(4 * 1024 * 1024);
  const started = startReads(bytes);
  const body = await collect(started.attach(1000, 1002));
  assert.ok(body.equals(bytes.subarray(1000, 1002)));
  assert.deepEqual(
    started.opened.map(({ from, toExclusive, read }) => ({ from, toExclusive, read })),
    [{ from: 1000, toExclusive: 1002, read: 2 }],
  );
  assertNothingLeft(started);
});

test('a lone reader that reads nothing causes reads of two chunks at most', async () => {
  const started = startReads(bytesOf(16 * chunkBytes));
  const reader = started.attach();
  await reader.next();
  await until(() => (started.opened[0]?.read ?? 0) >= 2 * chunkBytes);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(started.opened[0]!.read <= 3 * chunkBytes);
  reader.close();
  await until(() => started.opened[0]!.closed);
  assertNothingLeft(started);
});

test('readers at random places, speeds and lengths get exactly their bytes', async () => {
  const bytes = bytesOf(6 * 1024 * 1024 + 5);
  const started = startReads(bytes);
  let state = 3;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const readOne = async () => {
    const from = random(bytes.length);
    const to = from + 1 + random(bytes.length - from);
    const reader = started.attach(from, to);
    const leaveAfter = random(4) === 0 ? random(6) : Infinity;
    const pauses = random(3);
    let position = from;
    for (let chunks = 0; chunks < leaveAfter; chunks += 1) {
      const chunk = await reader.next();
      if (chunk === undefined) {
        assert.equal(position, to);
        return;
      }
      if (pauses > 0) await new Promise((resolve) => setTimeout(resolve, pauses * random(25)));
      assert.ok(Buffer.from(chunk).equals(bytes.subarray(position, position + chunk.length)));
      position += chunk.length;
    }
    reader.close();
  };
  await Promise.all(Array.from({ length: 80 }, readOne));
  await until(() => started.reads.windows === 0 && started.pool.usedBytes === 0);
  assertNothingLeft(started);
});

test('a source that fails also fails its readers after the received bytes, and the next reader tries again', async () => {
  const bytes = bytesOf(3 * chunkBytes);
  const started = startReads(bytes, { failAt: chunkBytes });
  const reader = started.attach();
  assert.equal((await reader.next())?.length, chunkBytes);
  await assert.rejects(async () => reader.next(), /the disk has failed/);
  reader.close();
  await assert.rejects(() => collect(started.attach()), /the disk has failed/);
  assert.equal(started.opened.length, 2);
  assertNothingLeft(started);
});

test('a short outage of the store fails only readers without bytes, and none in the middle of a blob', async () => {
  const bytes = bytesOf(3 * chunkBytes);
  const unavailable = new CacheError('store-unavailable', 'The store is silent.');
  let failures = 0;
  const started = startReads(bytes, {
    async onRead(at) {
      if (failures < 2 && at >= chunkBytes * failures) {
        failures += 1;
        throw unavailable;
      }
    },
  });
  await assert.rejects(collect(started.attach()), unavailable);
  const readers = [started.attach(), started.attach()];
  for (const body of await Promise.all(readers.map(collect))) assert.ok(body.equals(bytes));
  assert.equal(failures, 2);
  assertNothingLeft(started);
});

test('a slow lone reader gets the bytes of one second at a time, and nothing is read ahead for it', async () => {
  const started = startReads(bytesOf(8 * chunkBytes));
  const reader = started.attach();
  const lengths: number[] = [];
  for (let piece = 0; piece < 6; piece += 1) {
    if (piece === 2) await delay(4000);
    lengths.push((await reader.next())?.length ?? 0);
  }
  assert.equal(lengths[0], chunkBytes);
  assert.ok(lengths.at(-1)! <= chunkBytes / 4, `still pieces of ${lengths.at(-1)} bytes`);
  assert.ok(started.pool.usedBytes <= chunkBytes / 2, `${started.pool.usedBytes} bytes are held`);
  reader.close();
  assertNothingLeft(started);
});

test('several slow readers of a blob share whole chunks, which gives their sockets a distance', async () => {
  const bytes = bytesOf(8 * chunkBytes);
  const started = startReads(bytes);
  const readers = [started.attach(), started.attach()];
  for (let piece = 0; piece < 8; piece += 1) {
    if (piece === 2) await delay(1100);
    const pieces = await Promise.all(readers.map(async (reader) => reader.next()));
    assert.deepEqual(
      pieces.map((one) => one?.length),
      [chunkBytes, chunkBytes],
    );
  }
  for (const reader of readers) reader.close();
  assert.equal(started.opened.length, 1);
  assertNothingLeft(started);
});

test('when the last reader closes, a source that is still opening is aborted, and its reader is closed', async () => {
  const opening = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const started = startReads(bytesOf(1000), {
    async onOpen(signal) {
      signals.push(signal);
      await opening.promise;
    },
  });
  const [first, second] = [started.attach(), started.attach()];
  const ready = [first.ready(), second.ready()];
  await until(() => signals.length === 1);
  first.close();
  await assert.rejects(ready[0]!, /closed/);
  assert.equal(signals[0]!.aborted, false);
  second.close();
  await assert.rejects(ready[1]!, /closed/);
  assert.equal(signals[0]!.aborted, true);
  assert.equal(started.reads.windows, 0);
  opening.resolve();
  await until(() => started.opened.length === 1 && started.opened[0]!.closed);
  assertNothingLeft(started);
});

test('closing the last reader during a read closes the stream immediately, and returns the buffer later', async () => {
  const reading = Promise.withResolvers<void>();
  const bytes = bytesOf(1000);
  const started = startReads(bytes, { onRead: () => reading.promise });
  const reader = started.attach();
  const next = reader.next();
  await until(() => started.pool.usedBytes > 0);
  reader.close();
  await assert.rejects(async () => next, /closed/);
  assert.equal(started.reads.windows, 0);
  assert.equal(started.opened[0]!.closed, true);
  assert.ok(started.pool.usedBytes > 0, 'the read may still write to it');
  const late = collect(started.attach());
  reading.resolve();
  assert.ok((await late).equals(bytes));
  assertNothingLeft(started);
});
