// Hashes one stored object, no faster than it may, and believes that it is damaged only when it has been read twice: what a
// network or a memory does once is not the disk's fault.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { type Digest, createDigestHash, digestAlgorithm } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { Bandwidth } from '../create-bandwidth.ts';

export interface HashStoredDeps {
  readonly store: BlobStore;
  readonly bandwidth: Bandwidth;
  readonly log: Logger;
  readonly onRead: (bytes: number) => void;
}

/** `size`: bytes that were read. */
export interface HashedObject {
  readonly state: 'right' | 'damaged' | 'gone';
  readonly size: number;
}

const readBytes = 1024 * 1024;
const tries = 2;
const nobodyWaits = () => false;

/**
 * An object that cannot be read while the store answers is damaged too: disks lose sectors. Rejects with `store-unavailable`
 * when the store does not answer, and with the signal's reason.
 */
export async function hashStored(deps: HashStoredDeps, digest: Digest, signal: AbortSignal): Promise<HashedObject> {
  let size = 0;
  for (let tried = 0; tried < tries; tried += 1) {
    const read = await readOnce(deps, digest, signal);
    if (read === undefined) return { state: 'gone', size: 0 };
    if (read.actual === digest) return { state: 'right', size: read.size };
    size = read.size;
  }
  return { state: 'damaged', size };
}

async function readOnce(
  { store, bandwidth, log, onRead }: HashStoredDeps,
  digest: Digest,
  signal: AbortSignal,
): Promise<{ readonly actual: string; readonly size: number } | undefined> {
  const hash = createDigestHash(digest);
  let size = 0;
  try {
    const reader = await store.open(digest);
    if (reader === undefined) return undefined;
    try {
      const buffer = Buffer.allocUnsafe(readBytes);
      for (let length = await reader.read(buffer); length > 0; length = await reader.read(buffer)) {
        hash.update(buffer.subarray(0, length));
        size += length;
        onRead(length);
        await bandwidth.spend(length, nobodyWaits, signal);
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
  return { actual: `${digestAlgorithm(digest)}:${hash.digest('hex')}`, size };
}
