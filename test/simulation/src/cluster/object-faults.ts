// Faults of single objects of a store: they cannot be removed or read, while the rest of the store works.
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { keyOf } from './stored-blobs.ts';

/** Decides by key, also for blobs. A run can replace the functions at any time. */
export interface ObjectFaults {
  isUndeletable(key: string): boolean;
  isUnreadable(key: string): boolean;
}

export function createObjectFaults(): ObjectFaults {
  return { isUndeletable: () => false, isUnreadable: () => false };
}

/** Reports whether the key belongs to a share of all keys. `salt` selects the share. */
export function isAmong(key: string, share: number, salt: number): boolean {
  let hash = salt;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 16_777_619);
  return (Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b) >>> 0) / 2 ** 32 < share;
}

/** Returns the store with these faults. */
export function withObjectFaults(store: BlobStore, faults: ObjectFaults): BlobStore {
  const readable = (key: string) => {
    if (faults.isUnreadable(key)) throw failure('read');
  };
  const deletable = (key: string) => {
    if (faults.isUndeletable(key)) throw failure('remove');
  };
  return {
    ...store,
    async open(digest, range) {
      readable(keyOf(digest));
      return store.open(digest, range);
    },
    async readObject(key) {
      readable(key);
      return store.readObject(key);
    },
    async remove(digest) {
      deletable(keyOf(digest));
      return store.remove(digest);
    },
    async removeAll(digests) {
      const refused = digests.filter((digest) => faults.isUndeletable(keyOf(digest)));
      const kept = await store.removeAll(digests.filter((digest) => !faults.isUndeletable(keyOf(digest))));
      return new Map([...kept, ...refused.map((digest) => [digest, failure('remove')] as const)]);
    },
    async removeObject(key) {
      deletable(key);
      return store.removeObject(key);
    },
    async quarantine(digest, atMs) {
      deletable(keyOf(digest));
      return store.quarantine(digest, atMs);
    },
  };
}

/** Creates an error of the same form as the errors of the product's adapters. */
function failure(doing: string): CacheError {
  return new CacheError('store-unavailable', `simulated: the store cannot ${doing} an object (AccessDenied)`, {
    detail: { code: 'AccessDenied' },
    retryable: true,
  });
}
