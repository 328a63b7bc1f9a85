// Tests which readers are removed from their window, and what they read then.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { chunkBytes } from './buffer-pool.ts';
import { assertNothingLeft, startReads } from './testing/start-reads.ts';

test('a reader that stops reading is removed, and continues later with its own stream', async () => {
  const bytes = bytesOf(12 * 1024 * 1024);
  const started = startReads(bytes);
  const slow = started.attach();
  const first = Buffer.from((await slow.next())!);
  const others = await Promise.all(Array.from({ length: 10 }, () => collect(started.attach())));
  for (const body of others) assert.ok(body.equals(bytes));
  assert.ok(started.castOut() >= 1);
  const rest = await collect(slow);
  assert.ok(Buffer.concat([first, rest]).equals(bytes));
  assertNothingLeft(started);
});

test('a reader that takes one more chunk from a full window, and then stops, delays the others only briefly', async () => {
  const bytes = bytesOf(64 * chunkBytes);
  const started = startReads(bytes);
  const slow = started.attach();
  const got = [Buffer.from((await slow.next())!)];
  const fast = collect(started.attach());
  // The fast reader has filled the window, and waits.
  await until(() => started.opened[0]?.read === 17 * chunkBytes);
  await delay(10);
  got.push(Buffer.from((await slow.next())!));
  assert.ok((await fast).equals(bytes));
  assert.equal(started.castOut(), 1);
  got.push(Buffer.from(await collect(slow)));
  assert.ok(Buffer.concat(got).equals(bytes));
  assertNothingLeft(started);
});

test('a reader that is slow, but never stops, is removed, and the others do not wait for it any more', async () => {
  const bytes = bytesOf(200 * chunkBytes);
  const started = startReads(bytes);
  const slow = started.attach();
  const got: Buffer[] = [];
  const fast = Promise.all([started.attach(), started.attach()].map(collect));
  let isFastDone = false;
  void fast.then(() => (isFastDone = true));
  // Shorter than the patience for a reader that stops.
  for (; !isFastDone; await delay(10)) got.push(Buffer.from((await slow.next())!));
  assert.ok(got.length < 70, `the others waited for ${got.length} chunks`);
  assert.equal(started.castOut(), 1);
  for (const body of await fast) assert.ok(body.equals(bytes));
  got.push(await collect(slow));
  assert.ok(Buffer.concat(got).equals(bytes));
  assertNothingLeft(started);
});

test('a removed reader requests only the bytes up to the others, and then shares again', async () => {
  const bytes = bytesOf(64 * chunkBytes);
  const started = startReads(bytes);
  const slow = started.attach();
  const got = [Buffer.from((await slow.next())!)];
  const fast = [started.attach(), started.attach()];
  for (let chunk = 0; chunk < 44; chunk += 1) await Promise.all(fast.map(async (reader) => reader.next()));
  assert.equal(started.castOut(), 1);
  for (let at = 1; at < 44; at += 1) got.push(Buffer.from((await slow.next())!));
  const rest = await Promise.all([slow, ...fast].map((reader) => collect(reader)));
  assert.ok(Buffer.concat([...got, rest[0]!]).equals(bytes));
  const [first, second] = started.opened;
  assert.deepEqual([first?.from, first?.toExclusive], [0, bytes.length]);
  assert.equal(second?.from, chunkBytes);
  assert.ok(second.toExclusive < bytes.length);
  const twice = started.opened.reduce((sum, { read }) => sum + read, 0) - bytes.length;
  assert.ok(twice < 44 * chunkBytes, `${twice} bytes were read twice`);
  assertNothingLeft(started);
});

test('a chunk that a removed reader is still sending is not overwritten', async () => {
  const bytes = bytesOf(8 * 1024 * 1024);
  const started = startReads(bytes);
  const slow = started.attach();
  const held = (await slow.next())!;
  await collect(started.attach());
  await collect(started.attach());
  assert.ok(Buffer.from(held).equals(bytes.subarray(0, held.length)));
  slow.close();
  assertNothingLeft(started);
});
