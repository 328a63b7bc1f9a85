// Small blobs in memory: the configuration of an image is pulled with every image, and is a few kilobytes.
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';
import type { ContentCache } from '@cistern/content';
import type { BlobRequest, BlobStream, BlobFromMemory } from '../requests/pull-through.ts';
import type { OpenBlobDeps } from './open-blob.ts';

export type SmallBlobs = ContentCache<{ readonly bytes: Buffer }>;

/** Larger ones are few, and the most of their time goes into their bytes. */
const smallBytes = 64 * 1024;

/** `next` of a reader of a whole blob; what it has given is remembered at its end, if it is small and what its digest says. */
export function rememberSmall(
  smallBlobs: SmallBlobs,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  next: BlobStream['next'],
): BlobStream['next'] {
  if (size > smallBytes || smallBlobs.get(digest) !== undefined) return next;
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  return async () => {
    const chunk = await next();
    if (chunk === undefined) return undefined;
    if (filled + chunk.length <= size) bytes.set(chunk, filled);
    filled += chunk.length;
    if (filled === size && digestOf(bytes, digestAlgorithm(digest)) === digest) smallBlobs.set(digest, { bytes });
    return chunk;
  };
}

/** As `manifestFromMemory`, of a blob. A client that may go to the store for it is not answered from here. */
export function blobFromMemory(deps: OpenBlobDeps, request: BlobRequest): BlobFromMemory | undefined {
  const { index, smallBlobs, presignForMs, now } = deps;
  const { digest } = request;
  const bytes = presignForMs === undefined ? smallBlobs.get(digest)?.bytes : undefined;
  if (bytes === undefined || index.links.fromMemory(request.target, digest)?.confirmed !== true) return undefined;
  const record = index.blobs.fromMemory(digest);
  if (record?.state !== 'present' || !record.verified) return undefined;
  index.blobs.touch(digest, now()).catch(() => {});
  return { digest, size: bytes.length, cache: 'HIT', bytes };
}
