// Reads a stored blob whole only to hash it: for who does not read it from its beginning to its end.
import type { BlobRecord } from '@cistern/index';
import { hashStored } from './hash-stored.ts';
import { setAside } from './set-aside.ts';
import { chunkBytes } from '@cistern/streams';
import { setAsideOnce, type SetAsideOnceDeps } from './set-aside-once.ts';

export type ProveStoredDeps = SetAsideOnceDeps;

export interface StoredProof {
  /** Set if the blob is right. */
  readonly record?: BlobRecord;
  /** Set if it is right and has one chunk at most. */
  readonly bytes?: Buffer | undefined;
  /** Whether it was not what its digest says. Otherwise, without a record, it is gone. */
  readonly isSetAside: boolean;
}

const neverLeaves = new AbortController().signal;

/**
 * `signal` ends the wait, and the reading when nobody waits any more. Rejects with `content-mismatch` if the blob is damaged and
 * was set aside a while ago; see `setAsideOnce`.
 */
export async function proveStored(
  deps: ProveStoredDeps,
  record: BlobRecord,
  signal: AbortSignal = neverLeaves,
): Promise<StoredProof> {
  return deps.readChecks.proving(record.digest, signal, (ending) => prove(deps, record, ending));
}

async function prove(deps: ProveStoredDeps, record: BlobRecord, signal: AbortSignal): Promise<StoredProof> {
  const { store, log, readChecks } = deps;
  const { digest } = record;
  const onRead = async () => signal.throwIfAborted();
  const { state, size, bytes } = await hashStored({ store, log, onRead, keepBytes: chunkBytes }, digest);
  if (state === 'gone') return { isSetAside: false };
  if (state === 'damaged') {
    // A way that flips bits leaves the size as it is.
    const put = size === record.size ? setAsideOnce : setAside;
    return { isSetAside: await put(deps, digest, record) };
  }
  if (bytes !== undefined) readChecks.pieces.set(digest, { bytes });
  await noteRight(deps, record);
  return { record: { ...record, size, verified: true }, bytes, isSetAside: false };
}

/** The object of `record` has been hashed and is right. */
export async function noteRight({ index, readChecks, log }: ProveStoredDeps, record: BlobRecord): Promise<void> {
  readChecks.noteRight(record);
  if (record.verified) return;
  await index.blobs.markVerified(record.digest).catch((error: unknown) => {
    log.warn({ err: error, digest: record.digest }, 'that a blob is verified could not be recorded');
  });
}
