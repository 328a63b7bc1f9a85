// A blob store in memory, for tests and experiments.
import { CacheError } from '@cistern/errors';
import { type Digest, digestHex } from '@cistern/oci';
import type { BlobReader, BlobStore } from '../blob-store.ts';
import { checkRange, type Interval, readableBytes } from '../check-range.ts';
import { orBodyError } from '../read-body.ts';
import { beginMemoryUpload, readWholeBody } from './begin-memory-upload.ts';
import { quarantineKey, checkObjectSize, parseObjectKey, parseObjectPrefix } from '../key-layout.ts';

/** The contents of a memory store, separate from the store, so that tests can inspect, damage and share them. */
export interface MemoryContents {
  readonly blobs: Map<Digest, { readonly bytes: Uint8Array; readonly modifiedAtMs: number }>;
  readonly objects: Map<string, Uint8Array>;
  /** Segments of unfinished uploads, by upload id. */
  readonly uploads: Map<string, Map<number, Uint8Array>>;
  /**
   * While true, every call and every read rejects with `store-unavailable`, as if the disk or the S3 server were
   * unavailable.
   */
  failing: boolean;
}

export interface MemoryStoreOptions {
  readonly contents?: MemoryContents;
  readonly now?: () => number;
}

/** Creates a store. Two stores with the same `contents` share their blobs, like two nodes with one bucket. */
export function createMemoryStore(options: MemoryStoreOptions = {}): BlobStore {
  const { contents = createMemoryContents(), now = Date.now } = options;
  const { blobs, objects } = contents;

  return {
    async stat(digest) {
      checkAvailable(contents);
      const blob = blobs.get(digest);
      return blob && { size: blob.bytes.byteLength };
    },
    async open(digest, range) {
      checkAvailable(contents);
      const blob = blobs.get(digest);
      return blob && createReader(contents, blob.bytes, checkRange(digest, blob.bytes.byteLength, range));
    },
    async put(digest, body, signal) {
      checkAvailable(contents);
      const bytes = await orBodyError(readWholeBody(body, signal));
      checkAvailable(contents);
      blobs.set(digest, { bytes, modifiedAtMs: now() });
    },
    async beginUpload(digest, upload) {
      checkAvailable(contents);
      return beginMemoryUpload(contents, digest, { ...upload, now, checkAvailable: () => checkAvailable(contents) });
    },
    async remove(digest) {
      checkAvailable(contents);
      return blobs.delete(digest);
    },
    async removeAll(digests) {
      checkAvailable(contents);
      for (const digest of digests) blobs.delete(digest);
      return new Map();
    },
    async quarantine(digest, atMs) {
      checkAvailable(contents);
      const blob = blobs.get(digest);
      if (blob !== undefined) objects.set(quarantineKey(digest, atMs), blob.bytes);
      return blobs.delete(digest);
    },
    async *list(shard = '') {
      checkAvailable(contents);
      for (const [digest, { bytes, modifiedAtMs }] of blobs)
        if (digestHex(digest).startsWith(shard)) yield { digest, size: bytes.byteLength, modifiedAtMs };
    },
    async readObject(key) {
      parseObjectKey(key);
      checkAvailable(contents);
      return objects.get(key)?.slice();
    },
    async writeObject(key, bytes) {
      parseObjectKey(key);
      checkObjectSize(key, bytes.byteLength);
      checkAvailable(contents);
      objects.set(key, Uint8Array.from(bytes));
    },
    async removeObject(key) {
      parseObjectKey(key);
      checkAvailable(contents);
      return objects.delete(key);
    },
    async *listObjects(prefix) {
      parseObjectPrefix(prefix);
      checkAvailable(contents);
      for (const key of objects.keys()) if (key.startsWith(prefix)) yield key;
    },
    async check() {
      checkAvailable(contents);
    },
    async close() {},
  };
}

function checkAvailable(contents: MemoryContents): void {
  if (contents.failing)
    throw new CacheError('store-unavailable', 'The memory store was set to fail.', { retryable: true });
}

function createReader(contents: MemoryContents, bytes: Uint8Array, { start, endExclusive }: Interval): BlobReader {
  let position = start;
  let closed = false;
  return {
    size: bytes.byteLength,
    start,
    endExclusive,
    async read(into) {
      const length = readableBytes(into, position, endExclusive);
      await Promise.resolve();
      if (closed) throw new Error('the blob reader is closed');
      checkAvailable(contents);
      into.set(bytes.subarray(position, position + length));
      position += length;
      return length;
    },
    async close() {
      closed = true;
    },
  };
}

export function createMemoryContents(): MemoryContents {
  return { blobs: new Map(), objects: new Map(), uploads: new Map(), failing: false };
}
