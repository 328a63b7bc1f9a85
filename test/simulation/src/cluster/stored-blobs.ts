// The blobs in the store of a simulated cluster. Scenarios read and change them without the store's interface.
import type { MemoryContents } from '@cistern/blob-store/memory';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '@cistern/oci';
import { type S3Contents, md5 } from '../s3/s3-contents.ts';
import { isRight } from './right-bytes.ts';

export interface StoredBlobs {
  get(digest: Digest): Uint8Array | undefined;
  /** Reports whether the blob is in the store, with the bytes of its digest. */
  isWhole(digest: Digest): boolean;
  /** Returns how often the blob was removed or damaged, by the store or by the scenario. */
  lossesOf(digest: Digest): number;
  entries(): (readonly [Digest, Uint8Array])[];
  /** Replaces a blob's bytes, or removes the blob. `watch` does not report this. */
  damage(digest: Digest, bytes: Uint8Array | undefined): void;
  /** `onVisible` is called whenever a blob becomes visible. Files are only checked when a commit resolves. */
  watch(onVisible: (digest: Digest, bytes: Uint8Array) => void): void;
  /** Number of uploads that were neither completed nor aborted. */
  readonly unfinished: number;
}

export function memoryBlobs({ blobs }: MemoryContents): StoredBlobs {
  const losses = createLosses();
  const remove = blobs.delete.bind(blobs);
  blobs.delete = (digest) => {
    losses.add(digest);
    return remove(digest);
  };
  return {
    get: (digest) => blobs.get(digest)?.bytes,
    isWhole: (digest) => isRight(digest, blobs.get(digest)?.bytes),
    lossesOf: losses.of,
    entries: () => [...blobs].map(([digest, { bytes }]) => [digest, bytes]),
    damage(digest, bytes) {
      const blob = blobs.get(digest);
      losses.add(digest);
      if (bytes === undefined || blob === undefined) remove(digest);
      else Map.prototype.set.call(blobs, digest, { ...blob, bytes });
    },
    watch(onVisible) {
      const put = blobs.set.bind(blobs);
      blobs.set = (digest, blob) => {
        onVisible(digest, blob.bytes);
        return put(digest, blob);
      };
    },
    unfinished: 0,
  };
}

const blobKey = /\/blobs\/(sha256|sha512)\/[0-9a-f]{2}\/([0-9a-f]+)\/data$/;

export function s3Blobs(contents: S3Contents, bucketName: string): StoredBlobs {
  const bucket = () => contents.buckets.get(bucketName)!;
  const losses = createLosses();
  contents.onRemoved = (key) => {
    const digest = digestOfKey(key);
    if (digest !== undefined) losses.add(digest);
  };
  return {
    get: (digest) => bucket().objects.get(keyOf(digest))?.bytes,
    isWhole: (digest) => isRight(digest, bucket().objects.get(keyOf(digest))?.bytes),
    lossesOf: losses.of,
    entries: () =>
      [...bucket().objects].flatMap(([key, { bytes }]) => {
        const digest = digestOfKey(key);
        return digest === undefined ? [] : [[digest, bytes] as const];
      }),
    damage(digest, bytes) {
      const { objects } = bucket();
      const object = objects.get(keyOf(digest));
      losses.add(digest);
      if (bytes === undefined || object === undefined) objects.delete(keyOf(digest));
      else objects.set(keyOf(digest), { ...object, bytes: Buffer.from(bytes), etag: md5(bytes) });
    },
    watch(onVisible) {
      contents.onVisible = (key, bytes) => {
        const digest = digestOfKey(key);
        if (digest !== undefined) onVisible(digest, bytes);
      };
    },
    get unfinished() {
      return bucket().uploads.size;
    },
  };
}

export function createLosses() {
  const counts = new Map<Digest, number>();
  const of = (digest: Digest) => counts.get(digest) ?? 0;
  return { of, add: (digest: Digest) => void counts.set(digest, of(digest) + 1) };
}

export function keyOf(digest: Digest): string {
  const hex = digestHex(digest);
  return `docker/registry/v2/blobs/${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
}

export function digestOfKey(key: string): Digest | undefined {
  const [, algorithm, hex] = blobKey.exec(key) ?? [];
  return hex === undefined ? undefined : parseDigest(`${algorithm}:${hex}`);
}
