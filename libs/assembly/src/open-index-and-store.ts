// Opens the index and the store of a configuration. Loads only the code of the configured kinds.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type BlobStore, countStoreErrors } from '@cistern/blob-store';
import { type Config, indexDirectory } from '@cistern/config';
import type { CacheIndex } from '@cistern/index';
import type { RedisIndex } from '@cistern/index/redis';
import type { Closers } from '@cistern/runtime';
import type { NodeContext } from '@cistern/runtime/process';
import type { IndexMetrics, Logger } from '@cistern/telemetry';
import { redisConnectionOf } from './redis-of.ts';
import { traceIndex, traceStore } from './trace-parts.ts';

export interface OpenedIndexAndStore {
  readonly index: CacheIndex | RedisIndex;
  readonly store: BlobStore;
}

export interface OpeningOptions extends Pick<NodeContext, 'log' | 'metrics' | 'tracing'> {
  /** True opens index and store even if Redis or S3 is unavailable. Calls then reject until it is available. */
  readonly mayBeUnavailable: boolean;
}

/**
 * Rejects with `index-unavailable` or `store-unavailable`. Opens the index first, because the lock of an SQLite index
 * prevents a second process from using the same directory.
 */
export async function openIndexAndStore(
  config: Pick<Config, 'storage' | 'storageRedirect' | 'redis' | 'worker'>,
  { log, metrics, tracing, mayBeUnavailable }: OpeningOptions,
  { opened }: Closers,
): Promise<OpenedIndexAndStore> {
  const index = opened(await openIndex(config, { log, metrics, mayBeUnavailable }));
  const store = opened(countStoreErrors(await openStore(config, { log, mayBeUnavailable }), metrics));
  if (tracing === undefined) return { index, store };
  return { index: traceIndex(index, tracing), store: traceStore(store, tracing) };
}

/**
 * Opens the index in Redis, which the nodes of a cluster share. Without Redis, opens an SQLite index for this process
 * alone.
 */
async function openIndex(
  { storage, redis }: Pick<Config, 'storage' | 'redis'>,
  {
    log,
    metrics,
    mayBeUnavailable,
  }: { readonly log: Logger; readonly metrics: IndexMetrics; readonly mayBeUnavailable: boolean },
): Promise<CacheIndex | RedisIndex> {
  if (redis === undefined) {
    const { openSqliteIndex } = await import('@cistern/index/sqlite');
    return openSqliteIndex({ path: sqlitePath(storage), now: Date.now, log });
  }
  const { openRedisIndex } = await import('@cistern/index/redis');
  const onCall = (durationMs: number, isAnswered: boolean) =>
    metrics.indexCallDuration.observe({ result: isAnswered ? 'answered' : 'failed' }, durationMs / 1000);
  return openRedisIndex({ ...redis, connection: redisConnectionOf(redis), log, onCall, mayBeUnavailable });
}

/**
 * Returns the path of the SQLite index. It is in the directory of the blobs, so that one directory contains the whole
 * cache. The name of the index for a bucket is unique to the bucket.
 */
function sqlitePath(storage: Config['storage']): string {
  const directory = indexDirectory(storage);
  if (directory === undefined) return ':memory:';
  if (storage.kind !== 's3') return join(directory, 'index.sqlite');
  // The index records which blobs were verified, so it must not be used with another bucket.
  const { endpoint, bucket, rootDirectory } = storage;
  const store = createHash('sha256')
    .update(JSON.stringify([endpoint, bucket, rootDirectory]))
    .digest('hex');
  return join(directory, `index-${store.slice(0, 12)}.sqlite`);
}

/** Rejects with `store-unavailable`. The caller closes the store. */
export async function openStore(
  { storage, storageRedirect, worker }: Pick<Config, 'storage' | 'storageRedirect' | 'worker'>,
  { log, mayBeUnavailable }: Pick<OpeningOptions, 'log' | 'mayBeUnavailable'>,
): Promise<BlobStore> {
  switch (storage.kind) {
    case 'memory': {
      const { createMemoryStore } = await import('@cistern/blob-store/memory');
      return createMemoryStore();
    }
    case 's3': {
      const { openS3Store } = await import('@cistern/blob-store/s3');
      const secretKey = storage.secretKey.reveal();
      const publicEndpoint = storageRedirect?.endpoint;
      return openS3Store({ ...storage, secretKey, publicEndpoint, log, now: Date.now, mayBeUnavailable });
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
  // A separate spool directory may be on another file system, from which files cannot be renamed into the store.
  // Without `adoptFile`, blobs are copied.
  const { adoptFile: _adoptFile, spoolDirectory: _spoolDirectory, ...elsewhere } = store;
  return elsewhere;
}
