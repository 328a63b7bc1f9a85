// Checks whether the store works, and separately whether it has space, because a full store still serves its content.
import type { BlobStore } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import { isCacheError } from '@cistern/errors';
import { type DiskRoom, reserveBytes } from '@cistern/fills';

export interface StoreHealth {
  /** Rejects if the store does not work. Resolves for a full store, which `checkFreeSpace` reports. */
  checkStore(): Promise<void>;
  /** Rejects with `full: …` if the store has no space for fetches. */
  checkFreeSpace(): Promise<void>;
}

/** The checks and the close of a node of any kind. */
export interface Assembled extends StoreHealth {
  /** Rejects if the index does not work. */
  checkIndex(): Promise<void>;
  /** Rejects if no worker is alive. Unset if this process is itself a worker. */
  checkWorkers?(): Promise<void>;
  /** Waits up to `graceMs` for fills in flight to end, and then closes all parts of the node. */
  close(graceMs: number): Promise<void>;
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
    async checkFreeSpace() {
      const why = unwritable ?? disk?.full ?? (await spaceLeft());
      if (why !== undefined) throw new Error(`full: ${why}`);
    },
  };
}

function isFull(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  const { code } = Object(error.detail) as { readonly code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT';
}
