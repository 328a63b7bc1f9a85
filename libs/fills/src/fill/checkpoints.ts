// A checkpoint lets another worker continue a large fill (decision 0069). It covers the first segments of the blob, which are
// hashed and uploaded. It contains the state of the hash after these segments, and the id of the upload. The checkpoint is signed
// and stored in the record of the fill.
import { createHash } from 'node:crypto';
import type { BlobStore, BlobUpload } from '@cistern/blob-store';
import type { CrcTable, Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { SegmentHash } from './hash-segments.ts';
import type { OpenSavableHash, SavableHash } from './savable-hash.ts';
import type { Segments } from '../spool/segments.ts';

/** `crcs` contains the checksums of the covered segments, of which there is at least one. */
export interface StoredSegments extends CrcTable {
  /** The size of the whole blob. */
  readonly size: number;
  readonly uploadId: string;
  /** A hash of the tags that the store gave the parts. */
  readonly parts: string;
  readonly hashState: Uint8Array;
}

export interface Checkpoint extends StoredSegments {
  /** Number of bytes that the side reads of all fills of this blob have requested from upstream so far. */
  readonly sideBytes: number;
}

/** The start of a fill that continues from a checkpoint. */
export interface Resumed {
  readonly upload: BlobUpload;
  readonly savable: SavableHash;
}

export interface ResumeOptions {
  readonly store: BlobStore;
  readonly digest: Digest;
  readonly segments: Segments;
  readonly openHash: OpenSavableHash;
  readonly log: Logger;
}

/**
 * Marks the segments before the checkpoint as complete. Resolves to `undefined` if the upload of the checkpoint is missing, or
 * anything else does not match. The fill then begins at offset 0. Never rejects.
 */
export async function resumeFrom(
  checkpoint: Checkpoint,
  { store, digest, segments, openHash, log }: ResumeOptions,
): Promise<Resumed | undefined> {
  const { size, segmentBytes } = segments;
  const { uploadId, crcs, parts, hashState } = checkpoint;
  if (checkpoint.size !== size || checkpoint.segmentBytes !== segmentBytes || crcs.length > segments.count)
    return undefined;
  let upload: BlobUpload | undefined;
  try {
    upload = await store.beginUpload(digest, { size, segmentBytes, resume: uploadId });
    if (upload.id === uploadId && partsOf(upload, crcs.length) === parts) {
      const savable = await openHash(digest, segments, hashState);
      segments.passOver(crcs);
      log.info({ digest, bytes: segments.fetchedBytes, size }, 'resumed fill from its checkpoint');
      return { upload, savable };
    }
    log.warn({ digest, uploadId }, 'upload missing or changed, restarting fill');
  } catch (error) {
    log.warn({ digest, uploadId, err: error }, 'failed to resume fill from checkpoint, restarting');
  }
  // The upload of the checkpoint may still be in use by its worker, so it is not aborted here. The sweeper aborts it later.
  await (upload?.id === uploadId ? upload.leave() : upload?.abort())?.catch(() => {});
  return undefined;
}

export interface CheckpointsOptions {
  readonly segments: Segments;
  readonly hash: Pick<SegmentHash, 'takeState'>;
  readonly upload: () => BlobUpload | undefined;
  /** The checkpoint from which this fill has resumed. It is returned until there is a newer one. */
  readonly first: StoredSegments | undefined;
}

/** Creates a function that returns the newest checkpoint on each call. `undefined` means that there is none yet. */
export function createCheckpoints({ segments, hash, upload, first }: CheckpointsOptions) {
  let done = 0;
  let newest = first;

  return (): StoredSegments | undefined => {
    while (done < segments.count && segments.at(done).isHashed && segments.at(done).isStored) done += 1;
    const current = upload();
    const hashState = done === 0 ? undefined : hash.takeState(done - 1);
    const parts = current && partsOf(current, done);
    if (current === undefined || hashState === undefined || parts === undefined) return newest;
    const { size, segmentBytes } = segments;
    const crcs = segments.table.crcs.slice(0, done);
    newest = { size, segmentBytes, crcs, uploadId: current.id, parts, hashState };
    return newest;
  };
}

/** Returns `undefined` if one of the first `count` segments is not uploaded. */
function partsOf({ tags }: BlobUpload, count: number): string | undefined {
  const hash = createHash('sha256');
  for (let number = 0; number < count; number += 1) {
    const tag = tags.get(number);
    if (tag === undefined) return undefined;
    hash.update(`${tag}\n`);
  }
  return hash.digest('base64url');
}

/** Returns the checkpoint as text for the fill's record. */
export function encodeCheckpoint({ crcs, hashState, ...rest }: Checkpoint): string {
  const packed = Buffer.from(Uint32Array.from(crcs).buffer).toString('base64url');
  return JSON.stringify({ ...rest, crcs: packed, hashState: Buffer.from(hashState).toString('base64url') });
}

/** `text` must come from `encodeCheckpoint` on a trusted node, because it is not validated. */
export function decodeCheckpoint(text: string): Checkpoint {
  const { crcs, hashState, ...rest } = JSON.parse(text) as Checkpoint & { crcs: string; hashState: string };
  const packed = Buffer.from(crcs, 'base64url');
  return {
    ...rest,
    crcs: Array.from({ length: packed.length / 4 }, (_, index) => packed.readUInt32LE(4 * index)),
    hashState: new Uint8Array(Buffer.from(hashState, 'base64url')),
  };
}
