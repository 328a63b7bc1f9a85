// Tests fills whose blob is not stored, because they move or have wrong bytes.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import { until } from '@cistern/runtime/testing';
import type { FillConnections } from '../fetch/connection-control.ts';
import { readAll, startTestFill } from '../testing/start-test-fill.ts';

const segmentBytes = 100_000;
const size = 1_000_000;
const small = { size, segmentBytes };
const unavailable = new CacheError('store-unavailable', 'The store is down.');
const hasMoved = (error: unknown) => error instanceof SourceInterrupted && !error.isStored;

test('readers of a fill that moves get the present bytes, and continue elsewhere', async (t) => {
  const { bytes, fill, open } = await startTestFill(t, {
    ...small,
    lookForSuccessor: async () => true,
    answer: () => ({ gate: (at) => (at >= 500_000 ? new Promise(() => {}) : undefined) }),
  });
  await fill.running;
  await until(() => fill.presentBytes === 500_000);
  const [reader, ahead] = [open(), open({ from: 600_000 })];
  const waiting = assert.rejects(ahead.read(Buffer.alloc(10)), hasMoved);
  const table = assert.rejects(async () => ahead.table?.(), hasMoved);
  await delay(10);
  fill.handOver();
  await waiting;
  await table;
  const got: Buffer[] = [];
  const into = Buffer.alloc(size);
  await assert.rejects(async () => {
    for (;;) got.push(Buffer.from(into.subarray(0, await reader.read(into))));
  }, hasMoved);
  assert.ok(Buffer.concat(got).equals(bytes.subarray(0, 500_000)));
  assert.equal(fill.isOpen, false);
  const present = (await fill.openPresent(250_000))!;
  assert.equal(present.endExclusive, 500_000);
  assert.ok((await readAll(present.reader)).equals(bytes.subarray(250_000, 500_000)));
  await Promise.all([reader.close(), ahead.close(), present.reader.close()]);
  assert.equal(await fill.ended, 'moved');
});

test('a verified fill that another worker now owns is not stored, and is read to its end', async (t) => {
  let isUnavailable = true;
  let tries = 0;
  const { bytes, digest, fill, open, store } = await startTestFill(t, {
    ...small,
    lookForSuccessor: async () => true,
    wrapStore: (memory) => ({
      ...memory,
      async beginUpload(...args) {
        const upload = await memory.beginUpload(...args);
        const complete = async () => {
          tries += 1;
          if (isUnavailable) throw unavailable;
          await upload.complete();
        };
        return { ...upload, complete };
      },
    }),
  });
  await fill.running;
  const reader = open();
  await until(() => tries > 1);
  fill.handOver();
  isUnavailable = false;
  assert.ok((await readAll(reader)).equals(bytes));
  assert.equal((await reader.table?.())?.crcs.length, 10);
  await reader.close();
  assert.equal(await fill.ended, 'left');
  assert.equal(await store.stat(digest), undefined);
});

test('a blob with wrong bytes is not stored, and no reader ends cleanly', async (t) => {
  const { fill, open, store, digest, spools } = await startTestFill(t, {
    ...small,
    answer: () => ({ flipAt: 123_456 }),
  });
  await fill.running;
  const reader = open();
  await assert.rejects(readAll(reader), (error) => isCacheError(error, 'content-mismatch'));
  await assert.rejects(
    async () => reader.table?.(),
    (error) => isCacheError(error, 'content-mismatch'),
  );
  await assert.rejects(fill.ended, (error) => isCacheError(error, 'content-mismatch'));
  await reader.close();
  assert.equal(await store.stat(digest), undefined);
  await until(() => spools.usedBytes === 0);
});

test('wrong bytes from several connections are reported to the connection control', async (t) => {
  let mismatches = 0;
  const connections: FillConnections = {
    allowed: 2,
    isOnTrial: false,
    received() {},
    blocked: () => () => {},
    opened() {},
    refused() {},
    mismatched: () => void (mismatches += 1),
    leave() {},
  };
  for (const isStriped of [true, false]) {
    const { fill, gets } = await startTestFill(t, {
      ...small,
      connect: () => ({ ...connections, allowed: isStriped ? 2 : 1 }),
      answer: () => ({ flipAt: 950_000, chunkMs: () => 1 }),
    });
    await assert.rejects(fill.ended, (error) => isCacheError(error, 'content-mismatch'));
    assert.equal(gets.length > 1, isStriped);
    assert.equal(mismatches, 1);
  }
});
