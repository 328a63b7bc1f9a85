// Hashes stored objects, and believes that one is damaged only when it has been read twice: what a network or a memory does
// once is not the disk's fault.
import { type BlobStore, readBytes } from '@cistern/blob-store';
import { type BlobRecord, isSameTable } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import {
  type CrcTable,
  type Digest,
  createDigestHash,
  digestAlgorithm,
  hasDigest,
  hasSignedDigest,
  maxManifestBytes,
} from '@cistern/oci';
import { chunkBytes, type CrcTableMaker, makeCrcTable } from '@cistern/streams';
import type { Logger } from '@cistern/telemetry';
import { forgetMissing } from './delete-blobs.ts';
import type { StoredProof } from './read-checks.ts';
import { setAside, setAsideOnce, type SetAsideOnceDeps } from './set-aside.ts';

export interface HashStoredDeps {
  readonly store: BlobStore;
  readonly log: Logger;
  /** Awaited after each read; what it rejects with ends the hashing. */
  readonly onRead?: ((bytes: number) => Promise<void>) | undefined;
  /** Objects of up to so many bytes are kept in memory. */
  readonly keepBytes?: number;
  /** As in `SetAsideOnceDeps`. */
  readonly leastSegmentBytes?: number | undefined;
}

/** `size`: bytes that were read. */
export interface HashedObject {
  readonly state: 'right' | 'damaged' | 'gone';
  readonly size: number;
  /** Set if it is right and was kept. */
  readonly bytes?: Buffer | undefined;
  /** Set if it is right and has more than a chunk: less is hashed at each read. */
  readonly table?: CrcTable | undefined;
}

const bufferBytes = 1024 * 1024;
const gone: HashedObject = { state: 'gone', size: 0 };
/** Logged when another reading of the same object was right: its disk is not at fault. */
export const wrongOnce = 'stored object read wrong once: check memory and the connection to the store';

/**
 * An object that cannot be read while the store answers is damaged too: disks lose sectors. Rejects with `store-unavailable`
 * when the store does not answer.
 */
export async function hashStored(deps: HashStoredDeps, digest: Digest): Promise<HashedObject> {
  return confirmDamage(deps.log, digest, () => hashOnce(deps, digest));
}

/** What `read` finds. It is called again where the object was damaged, and the second reading holds. */
export async function confirmDamage(
  log: Logger,
  digest: Digest,
  read: () => Promise<HashedObject>,
): Promise<HashedObject> {
  const first = await read();
  if (first.state !== 'damaged') return first;
  const second = await read();
  if (second.state === 'right') log.warn({ digest }, wrongOnce);
  return second;
}

async function hashOnce(deps: HashStoredDeps, digest: Digest): Promise<HashedObject> {
  const { store, log, onRead, keepBytes = 0, leastSegmentBytes } = deps;
  const hash = createDigestHash(digest);
  let size = 0;
  let kept: Buffer | undefined;
  let maker: CrcTableMaker | undefined;
  try {
    const reader = await store.open(digest);
    if (reader === undefined) return gone;
    try {
      kept = reader.size <= keepBytes ? Buffer.allocUnsafeSlow(reader.size) : undefined;
      if (reader.size > chunkBytes) maker = makeCrcTable(reader.size, leastSegmentBytes);
      const buffer = kept ?? Buffer.allocUnsafe(bufferBytes);
      while (size < reader.size) {
        const into = kept?.subarray(size) ?? buffer;
        const length = await reader.read(into);
        if (length === 0) break;
        hash.update(into.subarray(0, length));
        maker?.update(into.subarray(0, length));
        size += length;
        await onRead?.(length);
      }
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    // Evicted while it was read.
    if ((await store.stat(digest)) === undefined) return gone;
    await store.check();
    log.warn({ err: error, digest }, 'the store answers, and cannot read one of its objects');
    return { state: 'damaged', size };
  }
  if (`${digestAlgorithm(digest)}:${hash.digest('hex')}` === digest)
    return { state: 'right', size, bytes: kept, table: maker?.table() };
  // A signed manifest of schema 1 has the digest of what is signed.
  const manifest = size <= maxManifestBytes ? await readBytes(store, digest, maxManifestBytes) : undefined;
  const isSigned = manifest !== undefined && hasSignedDigest(manifest, digest);
  return isSigned ? { state: 'right', size, bytes: kept } : { state: 'damaged', size };
}

/**
 * A stored object whole in memory, read once and hashed: nothing that is kept in memory or parsed can be damaged. One of more
 * than `maxBytes` counts as gone. Rejects with `store-unavailable`.
 */
export async function readHashed(store: BlobStore, digest: Digest, maxBytes: number): Promise<HashedObject> {
  try {
    const bytes = await readBytes(store, digest, maxBytes);
    if (bytes === undefined) return gone;
    const isRight = hasDigest(bytes, digest);
    return isRight ? { state: 'right', size: bytes.length, bytes } : { state: 'damaged', size: bytes.length };
  } catch (error) {
    if (isCacheError(error, 'content-mismatch')) return gone;
    throw error;
  }
}

/**
 * Reads a stored blob whole only to hash it: for a reader that does not read it from its beginning to its end. `signal` ends the
 * wait, and the last signal of those that wait ends the reading. Rejects with `content-mismatch` if the blob is damaged and
 * was set aside a while ago; see `setAsideOnce`.
 */
export async function proveStored(
  deps: SetAsideOnceDeps,
  record: BlobRecord,
  signal?: AbortSignal,
): Promise<StoredProof> {
  return deps.readChecks.proving(record.digest, signal, (ending) => prove(deps, record, ending));
}

async function prove(deps: SetAsideOnceDeps, record: BlobRecord, signal: AbortSignal): Promise<StoredProof> {
  const { store, log, readChecks, leastSegmentBytes } = deps;
  const { digest } = record;
  const onRead = async () => signal.throwIfAborted();
  const { state, size, bytes, table } = await hashStored(
    { store, log, onRead, keepBytes: chunkBytes, leastSegmentBytes },
    digest,
  );
  if (state === 'gone') {
    await forgetMissing(deps, digest);
    return { isSetAside: false };
  }
  if (state === 'damaged') {
    // A way that flips bits leaves the size as it is.
    const put = size === record.size ? setAsideOnce : setAside;
    return { isSetAside: await put(deps, digest, record) };
  }
  if (bytes !== undefined) readChecks.pieces.set(digest, { bytes });
  await noteRight(deps, record, table);
  return { record: { ...record, size, verified: true, table }, bytes, isSetAside: false };
}

/** The object of `record` has been checked and is right. `table`: what its table is. */
export async function noteRight(
  { index, readChecks, log }: SetAsideOnceDeps,
  record: BlobRecord,
  table: CrcTable | undefined,
): Promise<void> {
  readChecks.noteRight(record);
  if (record.verified && (table === undefined || isSameTable(table, record.table))) return;
  await index.blobs.markVerified(record.digest, table).catch((error: unknown) => {
    log.warn({ err: error, digest: record.digest }, 'that a blob is verified could not be recorded');
  });
}
