// A checkpoint lets another worker go on with a large fill (decision 0069). It covers segments from the blob's start that are hashed and
// uploaded. It has the state of the hash behind them, and the upload. The record of the fill carries it, sealed.
import { createHash } from 'node:crypto';
import type { BlobStore, BlobUpload } from '@cistern/blob-store';
import type { CrcTable, Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { SegmentHash } from './hash-segments.ts';
import type { OpenSavableHash, SavableHash } from './savable-hash.ts';
import type { Segments } from '../spool/segments.ts';

/** `crcs`: of those segments, one or more. */
export interface StoredSegments extends CrcTable {
  /** Bytes of the whole blob. */
  readonly size: number;
  readonly uploadId: string;
  /** Made of the tags of their parts in the store. */
  readonly parts: string;
  readonly hashState: Uint8Array;
}

export interface Checkpoint extends StoredSegments {
  /** Asked of upstream beside all fills of the blob so far. */
  readonly sideBytes: number;
}

/** A fill that goes on from a checkpoint begins with these. */
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
 * Marks the segments before the checkpoint as done with. `undefined`: its upload is gone, or anything else does not fit, and the fill
 * begins at 0. Never rejects.
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
      log.info({ digest, bytes: segments.fetchedBytes, size }, 'goes on with a fill from its checkpoint');
      return { upload, savable };
    }
    log.warn({ digest, uploadId }, 'the upload of a fill is gone or has changed: the fill begins at 0');
  } catch (error) {
    log.warn({ digest, uploadId, err: error }, 'a fill could not go on from its checkpoint, and begins at 0');
  }
  // One that was found may be in use by its worker still. The sweeper ends it.
  await (upload?.id === uploadId ? upload.leave() : upload?.abort())?.catch(() => {});
  return undefined;
}

export interface CheckpointsOptions {
  readonly segments: Segments;
  readonly hash: Pick<SegmentHash, 'takeState'>;
  readonly upload: () => BlobUpload | undefined;
  /** From which the fill has gone on. */
  readonly first: StoredSegments | undefined;
}

/** Returns the newest state each time it is called. `undefined` means that there is none yet. */
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

/** `undefined`: one of the first `count` segments is not there. */
function partsOf({ tags }: BlobUpload, count: number): string | undefined {
  const hash = createHash('sha256');
  for (let number = 0; number < count; number += 1) {
    const tag = tags.get(number);
    if (tag === undefined) return undefined;
    hash.update(`${tag}\n`);
  }
  return hash.digest('base64url');
}

/** As text for the record. */
export function encodeCheckpoint({ crcs, hashState, ...rest }: Checkpoint): string {
  const packed = Buffer.from(Uint32Array.from(crcs).buffer).toString('base64url');
  return JSON.stringify({ ...rest, crcs: packed, hashState: Buffer.from(hashState).toString('base64url') });
}

/** `text`: of `encodeCheckpoint`, of a node that can be trusted. */
export function decodeCheckpoint(text: string): Checkpoint {
  const { crcs, hashState, ...rest } = JSON.parse(text) as Checkpoint & { crcs: string; hashState: string };
  const packed = Buffer.from(crcs, 'base64url');
  return {
    ...rest,
    crcs: Array.from({ length: packed.length / 4 }, (_, index) => packed.readUInt32LE(4 * index)),
    hashState: new Uint8Array(Buffer.from(hashState, 'base64url')),
  };
}
