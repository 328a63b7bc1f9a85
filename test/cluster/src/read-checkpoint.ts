// How far the newest checkpoint of a fill is.
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';

export interface ReadCheckpoint {
  /** Bytes from the blob's start that are hashed and stored, in whole segments. */
  readonly storedBytes: number;
  /** Bytes that were asked for beside the fill. */
  readonly sideBytes: number;
}

/** Zero of both where there is none. */
export async function readCheckpoint(index: CacheIndex, digest: string): Promise<ReadCheckpoint> {
  const sealed = (await index.fills.read(digest as Digest))?.checkpoint;
  if (sealed === undefined) return { storedBytes: 0, sideBytes: 0 };
  const { crcs, segmentBytes, sideBytes } = JSON.parse(sealed.slice(sealed.indexOf('.') + 1));
  return { storedBytes: (Buffer.from(crcs, 'base64url').length / 4) * segmentBytes, sideBytes };
}
