// Hashes stored objects. An object counts as damaged only after two wrong reads, because a single wrong read may be the fault
// of the network or of memory.
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
  /** Called after each read, and awaited. If it rejects, the hashing stops. */
  readonly onRead?: ((bytes: number) => Promise<void>) | undefined;
  /** An object of up to this many bytes is also returned. Default: 0. */
  readonly keepBytes?: number;
  /** The same as in `SetAsideOnceDeps`. */
  readonly leastSegmentBytes?: number | undefined;
}

/** The result of hashing an object. `size` is the number of bytes read. */
export interface HashedObject {
  readonly state: 'right' | 'damaged' | 'gone';
  readonly size: number;
  /** Set if the object is right and at most `keepBytes`. */
  readonly bytes?: Buffer | undefined;
  /**
   * Set if the object is right and larger than a chunk. A smaller object needs no table, because it is hashed whole at each
   * read.
   */
  readonly table?: CrcTable | undefined;
}

const bufferBytes = 1024 * 1024;
const gone: HashedObject = { state: 'gone', size: 0 };
/**
 * Logged if a second read of the object was right. Then the stored object is good, and memory or the connection to the store is
 * at fault.
 */
export const wrongOnce = 'stored object mismatched, correct when read again';

/**
 * Hashes an object. An object that cannot be read although the store is available counts as damaged too, because disks lose
 * sectors. Rejects with `store-unavailable`.
 */
export async function hashStored(deps: HashStoredDeps, digest: Digest): Promise<HashedObject> {
  return confirmDamage(deps.log, digest, () => hashOnce(deps, digest));
}

/**
 * Resolves to the result of `read`. If the first result is damaged, it reads one more time and resolves to the second result.
 */
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
    // The object may have been evicted during the read.
    if ((await store.stat(digest)) === undefined) return gone;
    await store.check();
    log.warn({ err: error, digest }, 'store failed to read object');
    return { state: 'damaged', size };
  }
  if (`${digestAlgorithm(digest)}:${hash.digest('hex')}` === digest)
    return { state: 'right', size, bytes: kept, table: maker?.table() };
  // The digest of a signed manifest of schema 1 is that of its signed content, not of all its bytes.
  const manifest = size <= maxManifestBytes ? await readBytes(store, digest, maxManifestBytes) : undefined;
  const isSigned = manifest !== undefined && hasSignedDigest(manifest, digest);
  return isSigned ? { state: 'right', size, bytes: kept } : { state: 'damaged', size };
}

/**
 * Reads a whole object into memory and hashes it, so that callers never cache or parse damaged bytes. An object larger than
 * `maxBytes` counts as gone. Rejects with `store-unavailable`.
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
 * Reads a whole stored blob to hash it, for readers that do not read it whole themselves. A damaged blob is set aside.
 * Concurrent calls share the read. `signal` ends the wait of one caller, and the read stops when no caller waits. Rejects with
 * `content-mismatch` if the blob is damaged again soon after it was set aside. See `setAsideOnce`.
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
    // Wrong bytes of the right size may come from a bad connection to the store, so a limit applies to them.
    const put = size === record.size ? setAsideOnce : setAside;
    return { isSetAside: await put(deps, digest, record) };
  }
  if (bytes !== undefined) readChecks.pieces.set(digest, { bytes });
  await noteRight(deps, record, table);
  return { record: { ...record, size, verified: true, table }, bytes, isSetAside: false };
}

/** Records that the stored object of `record` was checked and is right. `table` is its checksum table. */
export async function noteRight(
  { index, readChecks, log }: SetAsideOnceDeps,
  record: BlobRecord,
  table: CrcTable | undefined,
): Promise<void> {
  readChecks.noteRight(record);
  if (record.verified && (table === undefined || isSameTable(table, record.table))) return;
  await index.blobs.markVerified(record.digest, table).catch((error: unknown) => {
    log.warn({ err: error, digest: record.digest }, 'failed to record verification of blob');
  });
}
