// Hashes one stored object, and believes that it is damaged only when it has been read twice: what a
// network or a memory does once is not the disk's fault.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { type Digest, createDigestHash, digestAlgorithm } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';

export interface HashStoredDeps {
  readonly store: BlobStore;
  readonly log: Logger;
  /** Awaited after each read; what it rejects with ends the hashing. */
  readonly onRead?: ((bytes: number) => Promise<void>) | undefined;
  /** Objects of up to so many bytes are kept in memory. */
  readonly keepBytes?: number;
}

/** `size`: bytes that were read. */
export interface HashedObject {
  readonly state: 'right' | 'damaged' | 'gone';
  readonly size: number;
  /** Set if it is right and was kept. */
  readonly bytes?: Buffer | undefined;
}

const readBytes = 1024 * 1024;
const tries = 2;
/** Logged when another reading of the same object was right: its disk is not at fault. */
export const wrongOnce = 'stored object read wrong once: check memory and the connection to the store';

/**
 * An object that cannot be read while the store answers is damaged too: disks lose sectors. Rejects with `store-unavailable`
 * when the store does not answer.
 */
export async function hashStored(deps: HashStoredDeps, digest: Digest): Promise<HashedObject> {
  let size = 0;
  for (let tried = 0; tried < tries; tried += 1) {
    const read = await readOnce(deps, digest);
    if (read === undefined) return { state: 'gone', size: 0 };
    if (read.actual === digest) {
      if (tried > 0) deps.log.warn({ digest }, wrongOnce);
      return { state: 'right', size: read.size, bytes: read.kept };
    }
    size = read.size;
  }
  return { state: 'damaged', size };
}

async function readOnce(
  { store, log, onRead, keepBytes = 0 }: HashStoredDeps,
  digest: Digest,
): Promise<{ readonly actual: string; readonly size: number; readonly kept?: Buffer | undefined } | undefined> {
  const hash = createDigestHash(digest);
  let size = 0;
  let kept: Buffer | undefined;
  try {
    const reader = await store.open(digest);
    if (reader === undefined) return undefined;
    try {
      kept = reader.size <= keepBytes ? Buffer.allocUnsafeSlow(reader.size) : undefined;
      const buffer = kept ?? Buffer.allocUnsafe(readBytes);
      while (size < reader.size) {
        const into = kept?.subarray(size) ?? buffer;
        const length = await reader.read(into);
        if (length === 0) break;
        hash.update(into.subarray(0, length));
        size += length;
        await onRead?.(length);
      }
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    // Evicted while it was read.
    if ((await store.stat(digest)) === undefined) return undefined;
    await store.check();
    log.warn({ err: error, digest }, 'the store answers, and cannot read one of its objects');
    return { actual: 'unreadable', size };
  }
  return { actual: `${digestAlgorithm(digest)}:${hash.digest('hex')}`, size, kept };
}
