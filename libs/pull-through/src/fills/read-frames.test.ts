// Tests the frame reader with frames that arrive in pieces of any size.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { SourceInterrupted } from '@cistern/streams';
import { readAll, readInto } from '../testing/start-fill-server.ts';
import { bytesOf } from '@cistern/oci/testing';
import {
  createPeerKeys,
  encodeFrame,
  encodeTable,
  frameTypes,
  maxControlBytes,
  createFrameReader,
} from '@cistern/fills';

const heartbeat = encodeFrame(frameTypes.heartbeat);
const path = '/v2/fills/fill?from=0&to=60';
const digest = `sha256:${'a'.repeat(64)}`;
const keys = createPeerKeys('the secret of the test cluster');
const ends = keys.ends(digest, path);
const none = new Uint8Array(0);
const table = encodeTable({ segmentBytes: 16 * 1024 ** 3, crcs: [1, 0xff_ff_ff_ff] });
const endOf = (sentBytes: number, signed: Uint8Array = none, by = ends) =>
  encodeFrame(frameTypes.end, signed, by.sign('end', sentBytes, signed));
const storedAt = (sentBytes: number, by = ends) => encodeFrame(frameTypes.stored, by.sign('stored', sentBytes, none));
const data = (bytes: Uint8Array) => encodeFrame(frameTypes.data, bytes);

/** Creates a body from these pieces, which then fails with `brokenBy`, ends, or never ends. */
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
  return createFrameReader(bodyOf(pieces), ends);
}

test('the bytes are the same if the frames are cut at any byte and read into buffers of any size', async () => {
  const bytes = bytesOf(60);
  const parts = [heartbeat, data(bytes.subarray(0, 1)), data(bytes.subarray(1, 40)), data(Buffer.alloc(0))];
  const sent = Buffer.concat([...parts, heartbeat, data(bytes.subarray(40)), heartbeat, endOf(60, table)]);
  for (let cut = 0; cut <= sent.length; cut += 1)
    for (const chunkBytes of [1, 3, 7, 64]) {
      const reader = readerOf(...[sent.subarray(0, cut), sent.subarray(cut)].filter((piece) => piece.length > 0));
      assert.ok((await readAll(reader, chunkBytes)).equals(bytes), `cut at ${cut}`);
      assert.equal(reader.ended, true);
    }
  const single = [...sent].map((byte) => Buffer.from([byte]));
  assert.ok((await readAll(readerOf(...single))).equals(bytes));
});

test('a body that ends before the end frame gives its bytes, then interrupts', async () => {
  const bytes = bytesOf(30);
  const sent = Buffer.concat([data(bytes.subarray(0, 10)), heartbeat, data(bytes.subarray(10)), endOf(30)]);
  for (let cut = 0; cut < sent.length; cut += 1) {
    const chunks: Buffer[] = [];
    await assert.rejects(readInto(readerOf(sent.subarray(0, cut)), chunks), SourceInterrupted);
    const got = Buffer.concat(chunks);
    assert.ok(got.equals(bytes.subarray(0, got.length)));
    assert.ok(cut !== 15 || got.length === 10);
  }
});

test('a failure follows the bytes before it, and repeats at each read', async () => {
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

test('invalid frames interrupt, and take no memory', async () => {
  const large = encodeFrame(frameTypes.failed);
  large.writeUInt32BE(maxControlBytes + 1, 1);
  for (const sent of [
    large,
    encodeFrame(9),
    encodeFrame(frameTypes.failed, Buffer.from('{')),
    Buffer.from('HTTP/1.1 200'),
  ])
    await assert.rejects(readAll(readerOf(sent)), SourceInterrupted);
});

test('a reader gets the bytes from before its connection broke', async () => {
  const reader = createFrameReader(bodyOf([data(Buffer.from('abcdef'))], new Error('reset')), ends);
  const chunks: Buffer[] = [];
  await assert.rejects(readInto(reader, chunks, 4), SourceInterrupted);
  assert.equal(Buffer.concat(chunks).toString(), 'abcdef');
});

test('a waiting reader that is closed rejects, and destroys its connection', async () => {
  const body = bodyOf([heartbeat], 'never');
  const reader = createFrameReader(body, ends);
  const waiting = reader.read(Buffer.alloc(4));
  reader.close();
  await assert.rejects(waiting, /closed/);
  assert.equal(body.isDestroyed(), true);
  await assert.rejects(reader.read(Buffer.alloc(4)), /closed/);
});

test('an end frame or stored frame is valid only with a signature for this fill, request and number of bytes', async () => {
  const bytes = bytesOf(60);
  const stranger = createPeerKeys('another secret of at least 16').ends(digest, path);
  const otherFill = keys.ends(digest, path.replace('fill?', 'another?'));
  const otherRange = keys.ends(digest, path.replace('to=60', 'to=59'));
  const otherDigest = keys.ends(digest.replace('a', 'b'), path);
  const swapped = encodeTable({ segmentBytes: 16 * 1024 ** 3, crcs: [2, 0xff_ff_ff_ff] });
  const forged = {
    empty: encodeFrame(frameTypes.end),
    'a short MAC': encodeFrame(frameTypes.end, ends.sign('end', 60, none).subarray(1)),
    'another secret': endOf(60, none, stranger),
    'another fill': endOf(60, none, otherFill),
    'another range': endOf(60, none, otherRange),
    'another digest': endOf(60, none, otherDigest),
    'fewer bytes': endOf(59),
    'more bytes': endOf(61),
    'another table': encodeFrame(frameTypes.end, swapped, ends.sign('end', 60, table)),
    'no table': encodeFrame(frameTypes.end, ends.sign('end', 60, table)),
    'the MAC of stored': encodeFrame(frameTypes.end, ends.sign('stored', 60, none)),
    'stored by another secret': storedAt(60, stranger),
    'stored after fewer bytes': storedAt(59),
    'stored, with the MAC of an end': encodeFrame(frameTypes.stored, ends.sign('end', 60, none)),
  };
  for (const [name, frame] of Object.entries(forged)) {
    const chunks: Buffer[] = [];
    const reader = readerOf(data(bytes), frame);
    await assert.rejects(readInto(reader, chunks), isBroken, name);
    await assert.rejects(reader.table(), isBroken, name);
    assert.ok(Buffer.concat(chunks).equals(bytes), name);
    assert.equal(reader.ended, false, name);
  }
});

function isBroken(error: unknown): boolean {
  return (
    error instanceof SourceInterrupted &&
    !error.isStored &&
    /end of the response has a wrong signature/.test(error.message)
  );
}

test('a stored fill interrupts its readers, and marks the error as stored', async () => {
  const chunks: Buffer[] = [];
  const reading = readInto(readerOf(data(Buffer.from('abc')), storedAt(3)), chunks);
  await assert.rejects(reading, (error) => error instanceof SourceInterrupted && error.isStored);
  assert.equal(Buffer.concat(chunks).toString(), 'abc');
  const moving = readAll(readerOf(encodeFrame(frameTypes.moved)));
  await assert.rejects(moving, (error) => error instanceof SourceInterrupted && !error.isStored);
});

test('the checksum table comes with the end frame, for which the reader waits after the data', async () => {
  const into = Buffer.alloc(64);
  const reader = readerOf(data(Buffer.from('abc')), heartbeat, endOf(3, table));
  assert.equal(await reader.read(into), 3);
  for (let again = 0; again < 2; again += 1)
    assert.deepEqual(await reader.table(), { segmentBytes: 16 * 1024 ** 3, crcs: [1, 0xff_ff_ff_ff] });
  reader.close();
  assert.equal((await reader.table())?.crcs.length, 2);
  assert.equal(await readerOf(endOf(0)).table(), undefined);
  await assert.rejects(readerOf(data(Buffer.from('abc')), endOf(3, table)).table(), SourceInterrupted);
  await assert.rejects(readerOf(heartbeat).table(), SourceInterrupted);
});

test('the largest checksum table fits into an end frame', async () => {
  const crcs = Array.from({ length: 10_000 }, (_, at) => at);
  const largest = encodeTable({ segmentBytes: 1024 ** 4, crcs });
  assert.deepEqual(await readerOf(endOf(0, largest)).table(), { segmentBytes: 1024 ** 4, crcs });
});
