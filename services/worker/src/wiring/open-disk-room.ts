// Opens the disk room of a store in a directory: it reserves space for fills on the disk of the store. If space is missing, it
// requests it from eviction.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { Config } from '@cistern/config';
import { createDiskRoom, type DiskRoom } from '@cistern/fills';
import { wantRoom } from '@cistern/maintenance';
import type { Logger } from '@cistern/telemetry';

const storeName = 'The file system of the store (storage.filesystem.rootdirectory)';

interface DiskRoomParts {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
}

/** Returns `undefined` if the store is not in a directory. Logs a warning if `storage.minfree` leaves no space for the store. */
export async function openDiskRoom(
  { storage, storageLimits }: Pick<Config, 'storage' | 'storageLimits'>,
  { index, store, log }: DiskRoomParts,
): Promise<DiskRoom | undefined> {
  const { space } = store;
  const { minFree } = storageLimits;
  if (space === undefined || minFree === undefined || storage.kind !== 'filesystem') return undefined;
  const { totalBytes = Infinity } = (await space().catch(() => undefined)) ?? {};
  const minFreeBytes = minFree.maxBytes;
  if (minFree.share === 1 && minFreeBytes >= totalBytes)
    log.warn({ minFreeBytes, totalBytes }, 'storage.minfree leaves no space for the store');
  return createDiskRoom({
    name: storeName,
    space,
    minFree,
    heldBytes: async () => (await index.blobs.totals()).bytes,
    want: (bytes) => wantRoom(index, bytes),
  });
}
