// Checks whether the store works, and separately whether it has space, because a full store still serves its content.
import type { BlobStore } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import { isCacheError } from '@cistern/errors';
import { type DiskRoom, reserveBytes } from '@cistern/fills';

interface StoreHealth {
  /** Rejects if the store does not work. Resolves for a full store, which `findFullStore` reports. */
  checkStore(): Promise<void>;
  /** Resolves to the reason if the store has no space for fetches. Rejects if the space cannot be read. */
  findFullStore(): Promise<string | undefined>;
}

/** `disk` is the disk room of this process. Unset if this process does not fetch. */
export function createStoreHealth(
  { storageLimits: { minFree } }: Pick<Config, 'storageLimits'>,
  store: BlobStore,
  disk?: Pick<DiskRoom, 'full'>,
): StoreHealth {
  let unwritable: string | undefined;

  async function spaceLeft(): Promise<string | undefined> {
    const seen = await store.space?.();
    if (seen === undefined || minFree === undefined) return undefined;
    const { freeBytes, totalBytes } = seen;
    const reserve = reserveBytes(minFree, totalBytes);
    if (freeBytes >= reserve) return undefined;
    return `${freeBytes} of ${totalBytes} bytes are free on the file system of storage.filesystem.rootdirectory, which needs ${reserve}. Free some space, or lower storage.minfree.`;
  }

  return {
    async checkStore() {
      try {
        await store.check();
        unwritable = undefined;
      } catch (error) {
        if (!isFull(error)) throw error;
        unwritable = (error as Error).message;
      }
    },
    async findFullStore() {
      const why = unwritable ?? disk?.full ?? (await spaceLeft());
      return why === undefined ? undefined : `The store is full: ${why}`;
    },
  };
}

/** The codes of file systems, and of S3 servers such as Ceph and MinIO. */
const fullCodes = new Set<unknown>(['ENOSPC', 'EDQUOT', 'InsufficientStorage', 'QuotaExceeded', 'XMinioStorageFull']);

function isFull(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  return fullCodes.has((Object(error.detail) as { readonly code?: unknown }).code);
}
