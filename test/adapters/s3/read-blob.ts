import assert from 'node:assert/strict';
import { type BlobStore, readBytes } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';

/** Reads the whole blob, which must exist. */
export async function readBlob(store: BlobStore, digest: Digest): Promise<Buffer> {
  const bytes = await readBytes(store, digest, Number.MAX_SAFE_INTEGER);
  assert.ok(bytes, `${digest} is not in the store`);
  return bytes;
}
