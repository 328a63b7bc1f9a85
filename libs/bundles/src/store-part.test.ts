import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { digestOf, leastSegmentBytes } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import { storePart } from './store-part.ts';

const bytes = bytesOf(2 * leastSegmentBytes + 1_000);

/** Yields chunks as an archive does. Each chunk overwrites the one before it. */
async function* read(content: Buffer): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(700_001);
  for (let at = 0; at < content.length;) {
    const length = content.copy(buffer, 0, at);
    yield buffer.subarray(0, length);
    at += length;
  }
}

function open(content: Buffer, signal?: AbortSignal) {
  const contents = createMemoryContents();
  const store = createMemoryStore({ contents });
  const file = { names: [], sizeOf: () => content.length, readWhole: async () => content, async close() {} };
  const seen = { bytes: 0 };
  const advance = (more: number) => void (seen.bytes += more);
  const digest = digestOf(bytes.subarray(0, content.length));
  const storeContent = () =>
    storePart(
      { path: 'bundle', file: { ...file, read: () => read(content) }, store, signal, advance },
      digest,
      content.length,
    );
  return { storeContent, contents, digest, seen };
}

test('a blob of several segments is stored unchanged', async () => {
  for (const size of [0, 1, leastSegmentBytes, leastSegmentBytes + 1, 2 * leastSegmentBytes, bytes.length]) {
    const content = bytes.subarray(0, size);
    const { storeContent, contents, digest, seen } = open(content);
    await storeContent();
    assert.ok(content.equals(contents.blobs.get(digest)!.bytes), `${size}`);
    assert.deepEqual([contents.uploads.size, seen.bytes], [0, size]);
  }
});

test('wrong bytes and an interrupted import leave nothing in the store', async () => {
  const flipped = Buffer.from(bytes);
  flipped[leastSegmentBytes + 5]! ^= 1;
  const wrong = open(flipped);
  await assert.rejects(wrong.storeContent(), { kind: 'content-mismatch' });
  assert.deepEqual([wrong.contents.blobs.size, wrong.contents.uploads.size], [0, 0]);
  const interrupted = open(bytes, AbortSignal.abort(new Error('stop')));
  await assert.rejects(interrupted.storeContent(), /stop/);
  assert.deepEqual([interrupted.contents.blobs.size, interrupted.contents.uploads.size], [0, 0]);
});
