import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bytesOf } from '@cistern/oci/testing';
import { type CopyBodyOptions, type Run, copyBody } from './copy-body.ts';

const chunkBytes = 256 * 1024;
const chunks = 64;
const bytes = bytesOf(chunks * chunkBytes);

/** A body that begins at `from`. Each chunk has its own `ArrayBuffer`. */
function openBody(from = 0) {
  const state = { taken: 0, closed: 0, writes: 0, gate: undefined as Promise<void> | undefined };
  async function* body() {
    for (let at = from; at < bytes.length; at += chunkBytes) {
      await state.gate;
      state.taken += 1;
      const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, bytes.length - at));
      bytes.copy(chunk, 0, at);
      yield chunk;
    }
  }
  const opened = { start: from, totalSize: bytes.length, body: body(), close: () => void (state.closed += 1) };
  return { state, opened };
}

function startCopy({
  from = 0,
  end = bytes.length,
  write,
}: Partial<CopyBodyOptions> & { from?: number; end?: number } = {}) {
  const { state, opened } = openBody(from);
  const run: Run = { next: from, endExclusive: end };
  const written: Buffer[] = [];
  let next = from;
  const copying = copyBody({
    opened,
    run,
    bodyEnd: bytes.length,
    async write(offset, parts) {
      state.writes += 1;
      assert.equal(offset, next, 'bytes are written once and in order');
      await write?.(offset, parts);
      for (const part of parts) {
        written.push(Buffer.from(part));
        next += part.length;
      }
    },
  });
  return { state, run, copying, written: () => Buffer.concat(written) };
}

test('a copy reads only a few chunks more from upstream than the disk has taken', async () => {
  const disk = Promise.withResolvers<void>();
  const { state, copying, written } = startCopy({ write: () => disk.promise });
  for (let turn = 0; turn < 10 * chunks; turn += 1) await setImmediate();
  assert.ok(state.taken * chunkBytes <= 2 * 1024 * 1024, `${state.taken} chunks were read while the disk took none`);
  disk.resolve();
  await copying;
  assert.ok(written().equals(bytes));
  assert.equal(state.closed, 1);
});

test('a run that shrinks stops at its new end, in the middle of a chunk', async () => {
  const end = 3 * chunkBytes + 100;
  const { state, run, copying, written } = startCopy({
    write: async () => {
      run.endExclusive = Math.min(run.endExclusive, end);
    },
  });
  await copying;
  assert.ok(written().equals(bytes.subarray(0, end)));
  assert.deepEqual(run, { next: end, endExclusive: end });
  assert.ok(state.taken <= 5);
  assert.equal(state.closed, 1);
});

test('a run that shrinks to the received bytes writes all of these bytes', async () => {
  const disk = Promise.withResolvers<void>();
  const { run, copying, written } = startCopy({ write: () => disk.promise });
  for (let turn = 0; turn < 100; turn += 1) await setImmediate();
  run.endExclusive = run.next;
  const end = run.next;
  disk.resolve();
  await copying;
  assert.ok(written().equals(bytes.subarray(0, end)));
});

test('a copy resolves if the body ends before its run, and `run.next` shows how far it came', async () => {
  const { run, copying } = startCopy({ from: bytes.length - 10, end: bytes.length + 10 });
  await copying;
  assert.equal(run.next, bytes.length);
});

test('a write that fails prevents further writes and closes the body', async () => {
  const [held, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { state, copying } = startCopy({
    async write() {
      state.gate = second.promise;
      await held.promise;
      throw new Error('the disk is full');
    },
  });
  const rejected = assert.rejects(copying, /the disk is full/);
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  held.resolve();
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  second.resolve();
  await rejected;
  assert.equal(state.writes, 1);
  assert.equal(state.closed, 1);
});

test('a copy whose body breaks rejects after the running write has ended', async () => {
  const opened = {
    start: 0,
    totalSize: 10,
    close() {},
    async *body() {
      yield Buffer.from('12345');
      throw new Error('the connection broke');
    },
  };
  let isWritten = false;
  const write = async () => {
    await setImmediate();
    isWritten = true;
  };
  const run = { next: 0, endExclusive: 10 };
  await assert.rejects(copyBody({ opened: { ...opened, body: opened.body() }, run, bodyEnd: 10, write }), /broke/);
  assert.equal(isWritten, true);
  assert.equal(run.next, 5);
});
