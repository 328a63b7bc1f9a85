// Wraps a store, counts the failures of its calls, and measures its health checks. So the metrics show a disk that fails
// occasionally, or is slow, before users report it.
import type { BlobReader, BlobStore, BlobUpload } from './blob-store.ts';
import { isCacheError } from '@cistern/errors';
import type { StoreMetrics } from '@cistern/telemetry';

/**
 * Returns a store that behaves like `store`. Counts only `store-unavailable`, because other errors are mistakes of the
 * caller.
 */
export function countStoreErrors(store: BlobStore, { storeErrors, storeCheckDuration }: StoreMetrics): BlobStore {
  const count = (operation: string, error: unknown) => {
    if (isCacheError(error, 'store-unavailable')) storeErrors.inc({ operation });
  };

  const counted =
    <A extends unknown[], R>(operation: string, action: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await action(...args);
      } catch (error) {
        count(operation, error);
        throw error;
      }
    };

  const countedList = <A extends unknown[], T>(operation: string, action: (...args: A) => AsyncIterable<T>) =>
    async function* list(...args: A): AsyncGenerator<T> {
      try {
        yield* action(...args);
      } catch (error) {
        count(operation, error);
        throw error;
      }
    };

  const onReadError = (error: unknown): never => {
    count('read', error);
    throw error;
  };
  // Not an async function, because blobs are read in many small pieces.
  const countedReader = (reader: BlobReader): BlobReader => ({
    ...reader,
    read: (into) => reader.read(into).catch(onReadError),
  });
  const countedUpload = (upload: BlobUpload): BlobUpload => ({
    ...upload,
    put: counted('put', upload.put),
    complete: counted('complete', upload.complete),
  });

  const check = counted('check', store.check);
  const open = counted('open', store.open);
  const beginUpload = counted('beginUpload', store.beginUpload);
  const removeAll = counted('remove', store.removeAll);
  return {
    ...store,
    async open(digest, range) {
      const reader = await open(digest, range);
      return reader && countedReader(reader);
    },
    put: counted('put', store.put),
    beginUpload: async (...args) => countedUpload(await beginUpload(...args)),
    stat: counted('stat', store.stat),
    remove: counted('remove', store.remove),
    async removeAll(digests) {
      const failed = await removeAll(digests);
      for (const error of failed.values()) count('remove', error);
      return failed;
    },
    quarantine: counted('quarantine', store.quarantine),
    list: countedList('list', store.list),
    ...(store.adoptFile !== undefined && { adoptFile: counted('adoptFile', store.adoptFile) }),
    ...(store.presign !== undefined && { presign: counted('presign', store.presign) }),
    ...(store.sweepUploads !== undefined && { sweepUploads: counted('sweepUploads', store.sweepUploads) }),
    readObject: counted('readObject', store.readObject),
    writeObject: counted('writeObject', store.writeObject),
    removeObject: counted('removeObject', store.removeObject),
    listObjects: countedList('listObjects', store.listObjects),
    async check() {
      const startedAtMs = performance.now();
      let isSound = false;
      try {
        await check();
        isSound = true;
      } finally {
        storeCheckDuration.set(isSound ? (performance.now() - startedAtMs) / 1000 : Number.NaN);
      }
    },
  };
}
