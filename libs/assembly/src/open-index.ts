import { join } from 'node:path';
import type { CacheIndex } from '@cistern/cache-index';
import { createMemoryIndex } from '@cistern/cache-index/memory';
import { openSqliteIndex } from '@cistern/cache-index/sqlite';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';

/** Beside the blobs, so that one directory is the whole cache. */
export async function openIndex(
  storage: Config['storage'],
  { now, log }: { readonly now: () => number; readonly log: Logger },
): Promise<CacheIndex> {
  if (storage.kind === 'memory') return createMemoryIndex({ now, log });
  return openSqliteIndex({ path: join(storage.rootDirectory, 'cistern', 'index.sqlite'), now, log });
}
