// Frames arrive in whatever pieces the network makes of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import { readAll, readInto } from '../testing/start-fill-server.ts';
import { bytesOf } from '@cistern/oci/testing';
import { encodeFrame, frameTypes, maxFailureBytes, createFrameReader } from '@cistern/fills';

const heartbeat = encodeFrame(frameTypes.heartbeat);
const end = encodeFrame(frameTypes.end);
const data = (bytes: Uint8Array) => encodeFrame(frameTypes.data, bytes);

/** A body that comes in these pieces, and then breaks off with `brokenBy`, ends, or is waited for. */
function bodyOf(pieces: readonly Buffer[], brokenBy?: Error | 'never') {
  const left = pieces.filter((piece) => piece.length > 0);
  const destroyed = Promise.withResolvers<number>();
  destroyed.promise.catch(() => {});
  let isDestroyed = false;
  return {
    async read(into: Uint8Array) {
      const piece = left[0];
      if (piece === undefined && brokenBy === 'never') return destroyed.promise;
      if (piece === undefined && brokenBy !== undefined) throw brokenBy as Error;
      const part = piece?.subarray(0, into.length) ?? Buffer.alloc(0);
      into.set(part);
      if (part.length === piece?.length) left.shift();
      else if (piece !== undefined) left[0] = piece.subarray(part.length);
      return part.length;
    },
    destroy(error: Error) {
      isDestroyed = true;
      destroyed.reject(error);
    },
    isDestroyed: () => isDestroyed,
  };
}

function readerOf(...pieces: Buffer[]) {
  return createFrameReader(bodyOf(pieces));
}

test('cut at any byte, into buffers of any size, the bytes are the same', async () => {
  const bytes = bytesOf(60);
  const parts = [heartbeat, data(bytes.subarray(0, 1)), data(bytes.subarray(1, 40)), data(Buffer.alloc(0))];
  const sent = Buffer.concat([...parts, heartbeat, data(bytes.subarray(40)), heartbeat, end]);
  for (let cut = 0; cut <= sent.length; cut += 1)
    for (const chunkBytes of [1, 3, 7, 64]) {
      const reader = readerOf(...[sent.subarray(0, cut), sent.subarray(cut)].filter((piece) => piece.length > 0));
      assert.ok((await readAll(reader, chunkBytes)).equals(bytes), `cut at ${cut}`);
      assert.equal(reader.ended, true);
    }
  const single = [...sent].map((byte) => Buffer.from([byte]));
  assert.ok((await readAll(readerOf(...single))).equals(bytes));
});

test('ended anywhere before the end frame, it gives what came and is interrupted', async () => {
  const bytes = bytesOf(30);
  const sent = Buffer.concat([data(bytes.subarray(0, 10)), heartbeat, data(bytes.subarray(10)), end]);
  for (let cut = 0; cut < sent.length; cut += 1) {
    const chunks: Buffer[] = [];
    await assert.rejects(readInto(readerOf(sent.subarray(0, cut)), chunks), SourceInterrupted);
    const got = Buffer.concat(chunks);
    assert.ok(got.equals(bytes.subarray(0, got.length)));
    assert.ok(cut !== 15 || got.length === 10);
  }
});

test('a failure comes after the bytes before it, and stays', async () => {
  const failure = { kind: 'upstream-timeout', message: 'Too slow.', retryable: true };
  const frame = encodeFrame(frameTypes.failed, Buffer.from(JSON.stringify(failure)));
  const reader = readerOf(Buffer.concat([data(Buffer.from('abc')), frame]));
  const buffer = Buffer.alloc(10);
  assert.equal(await reader.read(buffer), 3);
  for (let again = 0; again < 2; again += 1)
    await assert.rejects(reader.read(buffer), (error) => isCacheError(error, 'upstream-timeout'));
  const unknown = encodeFrame(frameTypes.failed, Buffer.from(JSON.stringify({ ...failure, kind: 'of-next-year' })));
  await assert.rejects(readerOf(unknown).read(buffer), (error) => isCacheError(error, 'store-unavailable'));
});

test('what are no frames interrupt, and take no memory', async () => {
  const large = encodeFrame(frameTypes.failed);
  large.writeUInt32BE(maxFailureBytes + 1, 1);
  for (const sent of [
    large,
    encodeFrame(9),
    encodeFrame(frameTypes.failed, Buffer.from('{')),
    Buffer.from('HTTP/1.1 200'),
  ])
    await assert.rejects(readAll(readerOf(sent)), SourceInterrupted);
});

test('what came before the connection broke is given', async () => {
  const reader = createFrameReader(bodyOf([data(Buffer.from('abcdef'))], new Error('reset')));
  const chunks: Buffer[] = [];
  await assert.rejects(readInto(reader, chunks, 4), SourceInterrupted);
  assert.equal(Buffer.concat(chunks).toString(), 'abcdef');
});

test('a reader that is closed while it waits rejects, and lets go of the connection', async () => {
  const body = bodyOf([heartbeat], 'never');
  const reader = createFrameReader(body);
  const waiting = reader.read(Buffer.alloc(4));
  reader.close();
  await assert.rejects(waiting, /closed/);
  assert.equal(body.isDestroyed(), true);
  await assert.rejects(reader.read(Buffer.alloc(4)), /closed/);
});
