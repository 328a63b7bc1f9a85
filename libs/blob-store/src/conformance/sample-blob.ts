// Sample blobs for the conformance suite, and steps that many of its cases share.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { isCacheError } from '@cistern/errors';
import { type Digest, digestOf } from '@cistern/oci';
import type { BlobReader, BlobStore } from '../blob-store.ts';
import { putBytes } from '../put-bytes.ts';

export interface SampleBlob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** Returns a random blob, so that cases never share a blob, even if the data of a store remains after its case. */
export function sampleBlob(size: number, algorithm: 'sha256' | 'sha512' = 'sha256'): SampleBlob {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes, algorithm) };
}

export async function storeSample(store: BlobStore, size: number): Promise<SampleBlob> {
  const sample = sampleBlob(size);
  await putBytes(store, sample.digest, sample.bytes);
  return sample;
}

export async function openReader(store: BlobStore, ...args: Parameters<BlobStore['open']>): Promise<BlobReader> {
  const reader = await store.open(...args);
  assert.ok(reader, `${args[0]} is not in the store`);
  return reader;
}

/** Reads the rest of `reader` with a buffer of `bufferSize`. Checks that reads after the end return 0. */
export async function readToEnd(reader: BlobReader, bufferSize = 64 * 1024): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(bufferSize);
  for (;;) {
    const length = await reader.read(buffer);
    assert.ok(length <= bufferSize);
    if (length === 0) break;
    chunks.push(Buffer.from(buffer.subarray(0, length)));
  }
  assert.equal(await reader.read(buffer), 0);
  return Buffer.concat(chunks);
}

export async function readWhole(store: BlobStore, digest: Digest): Promise<Buffer> {
  const reader = await openReader(store, digest);
  try {
    return await readToEnd(reader);
  } finally {
    await reader.close();
  }
}

/**
 * Checks that both are the same bytes. The message of a failure does not contain them, because they may be megabytes.
 */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.byteLength, expected.byteLength);
  assert.equal(Buffer.compare(actual, expected), 0, 'the bytes differ');
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

export async function rejectsAsUnavailable(attempt: () => Promise<unknown>): Promise<void> {
  await assert.rejects(attempt, (error) => isCacheError(error, 'store-unavailable'));
}
