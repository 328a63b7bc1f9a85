// Segments in memory, until they are a blob.
import { randomUUID } from 'node:crypto';
import type { Digest } from '@cistern/oci';
import type { BlobBody, BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { createUpload } from '../create-upload.ts';
import { readBody } from '../read-body.ts';
import type { MemoryContents } from './create-memory-store.ts';

export async function readWholeBody(body: BlobBody, signal?: AbortSignal): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(readBody(body, signal)));
}

/** `checkAvailable` throws while the store fails. */
export function beginMemoryUpload(
  { blobs, uploads }: MemoryContents,
  digest: Digest,
  options: BlobUploadOptions & { readonly now: () => number; checkAvailable(): void },
): BlobUpload {
  const { resume, now, checkAvailable } = options;
  const found = resume === undefined ? undefined : uploads.get(resume);
  const id = found === undefined ? randomUUID() : resume!;
  const segments = found ?? new Map<number, Uint8Array>();
  uploads.set(id, segments);
  return createUpload(options, {
    id,
    present: new Set(segments.keys()),
    async put(number, body, signal) {
      checkAvailable();
      segments.set(number, await readWholeBody(body, signal));
    },
    async complete() {
      checkAvailable();
      const inOrder = [...segments].toSorted(([one], [other]) => one - other).map(([, bytes]) => bytes);
      blobs.set(digest, { bytes: Buffer.concat(inOrder), modifiedAtMs: now() });
      uploads.delete(id);
    },
    async drop() {
      uploads.delete(id);
    },
  });
}
