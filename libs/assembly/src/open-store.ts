// The store that the configuration names. Of the adapters only the one that is wanted is loaded.
import type { BlobStore } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';

/** Rejects with `store-unavailable`. The caller closes it. */
export async function openStore(
  { storage, storageRedirect, worker }: Pick<Config, 'storage' | 'storageRedirect' | 'worker'>,
  log: Logger,
): Promise<BlobStore> {
  switch (storage.kind) {
    case 'memory': {
      const { createMemoryStore } = await import('@cistern/blob-store/memory');
      return createMemoryStore();
    }
    case 's3': {
      const { kind: _kind, indexDirectory: _indexDirectory, secretKey, ...bucket } = storage;
      const { openS3Store } = await import('@cistern/blob-store/s3');
      const publicEndpoint = storageRedirect?.endpoint;
      return openS3Store({ ...bucket, publicEndpoint, secretKey: secretKey.reveal(), log, now: Date.now });
    }
    case 'filesystem':
      return openDirectory(storage.rootDirectory, worker.spool.directory, log);
    default:
      return storage satisfies never;
  }
}

async function openDirectory(root: string, spoolDirectory: string | undefined, log: Logger): Promise<BlobStore> {
  const { openFsStore } = await import('@cistern/blob-store/fs');
  const store = await openFsStore({ root, log });
  if (spoolDirectory === undefined) return store;
  // A spool elsewhere may be on another filesystem, from which nothing can be renamed: blobs are then written in.
  const { adoptFile: _adoptFile, spoolDirectory: _spoolDirectory, ...elsewhere } = store;
  return elsewhere;
}
