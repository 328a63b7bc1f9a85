import type { BlobStore } from '@cistern/blob-store';
import { openFsStore } from '@cistern/blob-store/fs';
import { createMemoryStore } from '@cistern/blob-store/memory';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';

export async function openStore({ storage, worker }: Config, log: Logger): Promise<BlobStore> {
  if (storage.kind === 'memory') return createMemoryStore();
  const store = await openFsStore({ root: storage.rootDirectory, log });
  if (worker.spool.directory === undefined) return store;
  // A spool elsewhere may be on another filesystem, from which nothing can be renamed: blobs are then written in.
  const { adoptFile: _adoptFile, spoolDirectory: _spoolDirectory, ...elsewhere } = store;
  return elsewhere;
}
