// Begins an upload to a memory store. Its segments are kept in memory until the upload completes.
import { createHash, randomUUID } from 'node:crypto';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { BlobBody, BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { createUpload } from '../create-upload.ts';
import { readBody } from '../read-body.ts';
import type { MemoryContents } from './create-memory-store.ts';

export async function readWholeBody(body: BlobBody, signal?: AbortSignal): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(readBody(body, signal)));
}

/** `checkAvailable` throws while the store is set to fail. */
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
  /**
   * Tags of the segments that the upload found at its start or stored itself. Another upload with the same id may
   * replace a segment, which changes its tag.
   */
  const tags = new Map([...segments].map(([number, bytes]) => [number, tagOf(bytes)]));
  return createUpload(options, {
    id,
    tags,
    async put(number, body, signal) {
      checkAvailable();
      const bytes = await readWholeBody(body, signal);
      segments.set(number, bytes);
      tags.set(number, tagOf(bytes));
    },
    async complete() {
      checkAvailable();
      for (const [number, bytes] of segments)
        if (tags.get(number) !== tagOf(bytes))
          throw new CacheError('store-unavailable', `Segment ${number} of ${digest} has been replaced.`);
      const inOrder = [...segments].toSorted(([one], [other]) => one - other).map(([, bytes]) => bytes);
      blobs.set(digest, { bytes: Buffer.concat(inOrder), modifiedAtMs: now() });
      uploads.delete(id);
    },
    async drop() {
      uploads.delete(id);
    },
  });
}

function tagOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
