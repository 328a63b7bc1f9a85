// Reads the newest checkpoint of a fill.
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';

export interface ReadCheckpoint {
  /** Bytes from the start of the blob that are hashed and stored, in whole segments. */
  readonly storedBytes: number;
  /** Bytes that were requested alongside the fill. */
  readonly sideBytes: number;
}

/** Both are zero if there is no checkpoint. */
export async function readCheckpoint(index: CacheIndex, digest: string): Promise<ReadCheckpoint> {
  const signed = (await index.fills.read(digest as Digest))?.checkpoint;
  if (signed === undefined) return { storedBytes: 0, sideBytes: 0 };
  const { crcs, segmentBytes, sideBytes } = JSON.parse(signed.slice(signed.indexOf('.') + 1));
  return { storedBytes: (Buffer.from(crcs, 'base64url').length / 4) * segmentBytes, sideBytes };
}
