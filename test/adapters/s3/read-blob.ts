import assert from 'node:assert/strict';
import { type BlobStore, readBytes } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';

/** The whole blob, which must be there. */
export async function readBlob(store: BlobStore, digest: Digest): Promise<Buffer> {
  const bytes = await readBytes(store, digest, Number.MAX_SAFE_INTEGER);
  assert.ok(bytes, `${digest} is not in the store`);
  return bytes;
}
