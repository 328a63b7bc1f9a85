import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createDigestHash, type Digest, parseDigest } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import { createMemoryFiles } from '../testing/memory-files.ts';
import { createSegmentHash } from './hash-segments.ts';
import { createSegments } from '../spool/segments.ts';

const segmentBytes = 100;

function digestOf(bytes: Buffer, algorithm = 'sha256'): Digest {
  const like = parseDigest(`${algorithm}:${'0'.repeat(algorithm === 'sha256' ? 64 : 128)}`);
  return parseDigest(`${algorithm}:${createDigestHash(like).update(bytes).digest('hex')}`);
}

function startHash(bytes: Buffer, digest = digestOf(bytes)) {
  const stopping = new AbortController();
  const reads: number[] = [];
  const inner = createMemoryFiles();
  const files = {
    ...inner,
    read(...args: Parameters<typeof inner.read>) {
      reads.push(args[0]);
      return inner.read(...args);
    },
  };
  const segments = createSegments({ size: bytes.length, segmentBytes, files, hasSha256: false });
  let hashed = 0;
  const hash = createSegmentHash({ digest, segments, onHashed: () => (hashed += 1), signal: stopping.signal });
  /** Works as a fill does: offers the bytes that are written, and then catches up. */
  const append = async (from: number, end: number) => {
    const chunks = [bytes.subarray(from, end)];
    const appended = segments.append(from, chunks);
    hash.offer(from, chunks);
    await appended;
    await hash.catchUp();
  };
  return { segments, hash, append, reads, stopping, calls: () => hashed };
}

test('bytes in order are hashed on arrival and not read again', async () => {
  const bytes = bytesOf(250);
  const { segments, hash, append, reads, calls } = startHash(bytes);
  for (let at = 0; at < 250; at += 50) {
    await append(at, at + 50);
    assert.equal([...segments].filter(({ isHashed }) => isHashed).length, at === 200 ? 3 : Math.floor((at + 50) / 100));
  }
  assert.equal(hash.position, 250);
  assert.equal(await hash.digest(), digestOf(bytes));
  assert.deepEqual(reads, []);
  assert.equal(calls(), 3);
});

test('segments that arrive out of order are read back when they are next', async () => {
  const bytes = bytesOf(350);
  const { segments, hash, append, reads } = startHash(bytes);
  await append(300, 350);
  await append(100, 200);
  assert.equal(hash.position, 0);
  await append(0, 100);
  assert.equal(hash.position, 200);
  assert.deepEqual(
    [...segments].map(({ isHashed }) => isHashed),
    [true, true, false, false],
  );
  await append(200, 300);
  assert.equal(await hash.digest(), digestOf(bytes));
  assert.deepEqual(new Set(reads), new Set([1, 3]));
});

test('a segment is marked as hashed only when it is complete', async () => {
  const bytes = bytesOf(150);
  const { segments, hash } = startHash(bytes);
  const chunks = [bytes.subarray(0, 100)];
  const appended = segments.append(0, chunks);
  hash.offer(0, chunks);
  await hash.catchUp();
  assert.equal(segments.at(0).isHashed, segments.at(0).isComplete);
  await appended;
  await hash.catchUp();
  assert.ok(segments.at(0).isHashed);
});

test('SHA-512 and an empty blob are hashed correctly', async () => {
  for (const bytes of [bytesOf(150), Buffer.alloc(0)]) {
    const digest = digestOf(bytes, 'sha512');
    const { hash, append } = startHash(bytes, digest);
    for (let at = 0; at < bytes.length; at += 50) await append(at, at + 50);
    await hash.catchUp();
    assert.equal(await hash.digest(), digest);
  }
});

test('the end of the fill ends the hash', async () => {
  const { hash, append, stopping, segments } = startHash(bytesOf(300));
  await append(100, 200);
  stopping.abort(new Error('the fill has ended'));
  await assert.rejects(append(0, 100), /the fill has ended/);
  const other = startHash(bytesOf(300));
  await other.append(100, 200);
  await other.segments.free(other.segments.at(1));
  await other.append(0, 100);
  assert.equal(other.hash.position, 100);
  assert.equal(hash.position, 100);
  assert.equal(segments.at(1).isHashed, false);
});

test('in any order of arrival, each segment is marked once, in order, and the digest matches the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.array(fc.tuple(fc.nat(8), fc.integer({ min: 1, max: 60 }), fc.boolean()), { maxLength: 40 }),
      async (size, steps) => {
        const bytes = bytesOf(size, 5);
        const { segments, hash, append } = startHash(bytes);
        const marked: number[] = [];
        for (const segment of segments) {
          let isHashed = false;
          Object.defineProperty(segment, 'isHashed', {
            get: () => isHashed,
            set(value: boolean) {
              marked.push(segment.index);
              isHashed = value;
            },
          });
        }
        const running = new Map<number, Promise<void>>();
        const last = Array.from({ length: segments.count }, (_, index) => [index, segmentBytes, false] as const);
        for (const [index, length, isAwaited] of [...steps, ...last]) {
          if (index >= segments.count) continue;
          const segment = segments.at(index);
          // One fetch writes a segment, while others run.
          const before = running.get(index);
          const appendNext = async () => {
            await before;
            const from = segment.start + segment.filled;
            if (from < segment.end) await append(from, Math.min(segment.end, from + length));
          };
          const appending = appendNext();
          running.set(index, appending);
          if (isAwaited) await appending;
        }
        await Promise.all(running.values());
        await hash.catchUp();
        assert.deepEqual(
          marked,
          [...segments].map(({ index }) => index),
        );
        assert.equal(await hash.digest(), digestOf(bytes));
      },
    ),
  );
});
