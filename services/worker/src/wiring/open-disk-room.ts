// Room on the disks that get what is fetched: the store's, where eviction makes some, and the spool's, where that is another one.
import { stat } from 'node:fs/promises';
import { type BlobStore, readDiskSpace } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { Config } from '@cistern/config';
import { createDiskRoom, type DiskRoom, joinDiskRooms, noMinFree } from '@cistern/fills';
import { wantRoom } from '@cistern/maintenance';
import type { Logger } from '@cistern/telemetry';

const storeName = 'The file system of the store (storage.filesystem.rootdirectory)';
const spoolName = 'The file system of the spool (worker.spool.directory)';

interface DiskRoomParts {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly spoolDirectory: string;
  readonly log: Logger;
}

/**
 * Logs a warning where `storage.minfree` leaves nothing for the store. Rejects with the error of the system call where the
 * spool's directory cannot be looked at.
 */
export async function openDiskRoom(
  { storage, storageLimits }: Pick<Config, 'storage' | 'storageLimits'>,
  { index, store, spoolDirectory, log }: DiskRoomParts,
): Promise<DiskRoom> {
  const { space } = store;
  const spoolRoom = () =>
    createDiskRoom({ name: spoolName, space: () => readDiskSpace(spoolDirectory), minFree: noMinFree });
  const { minFree } = storageLimits;
  if (space === undefined || minFree === undefined || storage.kind !== 'filesystem') return spoolRoom();
  const { totalBytes = Infinity } = (await space().catch(() => undefined)) ?? {};
  const minFreeBytes = minFree.maxBytes;
  if (minFree.share === 1 && minFreeBytes >= totalBytes)
    log.warn(
      { minFreeBytes, totalBytes },
      'storage.minfree is at least the size of the file system: the store keeps nothing; lower it',
    );
  const storeRoom = (copies: number) =>
    createDiskRoom({
      name: storeName,
      space,
      minFree,
      copies,
      heldBytes: async () => (await index.blobs.totals()).bytes,
      want: (bytes) => wantRoom(index, bytes),
    });
  // From the store's own spool a file is renamed into the store, and lies on the disk once.
  if (store.adoptFile !== undefined) return storeRoom(1);
  const [root, spool] = await Promise.all([stat(storage.rootDirectory), stat(spoolDirectory)]);
  return root.dev === spool.dev ? storeRoom(2) : joinDiskRooms([storeRoom(1), spoolRoom()]);
}
