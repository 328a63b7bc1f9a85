// Small blobs from memory: the configuration of an image is pulled with every image, and is a few kilobytes.
import type { BlobRequest, BlobFromMemory } from '../requests/pull-through.ts';
import type { OpenBlobDeps } from './open-blob.ts';

/** Larger ones are few, and the most of their time goes into their bytes. */
const smallBytes = 64 * 1024;

/**
 * As `manifestFromMemory`, of a blob that was hashed on its way from the store. A client that may go to the store for it is not
 * answered from here.
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
