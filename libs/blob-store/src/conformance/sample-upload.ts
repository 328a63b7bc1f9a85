// Valid and invalid bodies and uploads for the conformance suite.
import { digestOf } from '@cistern/oci';
import type { BlobBody, BlobStore, BlobUpload } from '../blob-store.ts';
import { bodyOf } from '../put-bytes.ts';
import { type SampleBlob, sampleBlob } from './sample-blob.ts';

/** The shortest segment that S3 accepts, except for the last of a blob. */
export const segmentBytes = 5 * 1024 * 1024;

export interface SampleUpload extends SampleBlob {
  readonly size: number;
  readonly segments: readonly Buffer[];
}

/** Returns a blob of three segments. The last segment is short. */
export function sampleSegments(): SampleUpload {
  const size = 2 * segmentBytes + 12_345;
  const { bytes, digest } = sampleBlob(size);
  const segments = [0, 1, 2].map((at) => bytes.subarray(at * segmentBytes, (at + 1) * segmentBytes));
  return { bytes, digest, size, segments };
}

export function begin(store: BlobStore, { digest, size }: SampleUpload, resume?: string): Promise<BlobUpload> {
  return store.beginUpload(digest, { size, segmentBytes, resume });
}

export async function putAll(upload: BlobUpload, { segments }: SampleUpload): Promise<void> {
  await Promise.all(segments.map((segment, number) => upload.put(number, bodyOf(segment))));
}

/** Returns a body that yields chunks of growing size, with `sha256`. */
export function inChunks(bytes: Buffer): BlobBody {
  return {
    length: bytes.length,
    sha256: digestOf(bytes).slice('sha256:'.length),
    async *open() {
      for (let at = 0, step = 0; at < bytes.length; at += step, step = step * 7 + 1)
        yield bytes.subarray(at, at + step);
    },
  };
}

/** Returns a body that declares the length of `bytes`, yields only the first `given` bytes, and then calls `atEnd`. */
export function badBody(bytes: Buffer, given: number, atEnd: () => Promise<void> = async () => {}) {
  const seen = { opened: 0, ended: 0 };
  const body: BlobBody = {
    length: bytes.length,
    sha256: digestOf(bytes).slice('sha256:'.length),
    async *open() {
      seen.opened += 1;
      try {
        const all = Buffer.concat([bytes, Buffer.from('more')]);
        for (let at = 0; at < given; at += 50_000) yield all.subarray(at, Math.min(given, at + 50_000));
        await atEnd();
      } finally {
        seen.ended += 1;
      }
    },
  };
  return { body, seen };
}

/** As `atEnd` of `badBody`, makes the body fail. */
export async function failAtEnd(): Promise<void> {
  throw new Error('the disk of the caller');
}

/** As `atEnd` of `badBody`, makes the body stall. */
export function getStuck(): Promise<void> {
  return new Promise(() => {});
}
