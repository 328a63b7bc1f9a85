// Serves small blobs from memory. Each pull of an image includes a small blob, the configuration, which has a few kilobytes.
import type { BlobRequest, BlobFromMemory } from '../requests/pull-through.ts';
import type { OpenBlobDeps } from './open-blob.ts';

/**
 * The most bytes of a small blob. Larger blobs gain little from memory, because most of their time is the transfer of bytes.
 */
const smallBytes = 64 * 1024;

/**
 * Works like `manifestFromMemory`, for a small blob that was hashed when it was read from the store. Returns `undefined` if
 * clients get URLs of the store.
 */
export function blobFromMemory(deps: OpenBlobDeps, request: BlobRequest): BlobFromMemory | undefined {
  const { index, readChecks, presignForMs, now } = deps;
  const { digest } = request;
  const bytes = presignForMs === undefined ? readChecks.pieces.get(digest)?.bytes : undefined;
  if (bytes === undefined || bytes.length > smallBytes) return undefined;
  if (index.links.fromMemory(request.target, digest)?.confirmed !== true) return undefined;
  const record = index.blobs.fromMemory(digest);
  if (record?.state !== 'present' || !record.verified) return undefined;
  index.blobs.touch(digest, now()).catch(() => {});
  return { digest, size: bytes.length, cache: 'HIT', bytes };
}
