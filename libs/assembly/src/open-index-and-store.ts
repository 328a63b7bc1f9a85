// Index and store of a configuration. The index first: it holds the lock that keeps a second process out of the same directory.
import { type BlobStore, countStoreErrors } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { RedisIndex } from '@cistern/index/redis';
import type { Config } from '@cistern/config';
import type { NodeContext } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';
import { openIndex } from './open-index.ts';
import { openStore } from './open-store.ts';
import { traceIndex, traceStore } from './tracing/trace-index-and-store.ts';

export interface OpenedIndexAndStore {
  readonly index: CacheIndex | RedisIndex;
  readonly store: BlobStore;
}

/** Rejects with `index-unavailable` or `store-unavailable`. */
export async function openIndexAndStore(
  config: Config,
  { log, metrics, tracing }: Pick<NodeContext, 'log' | 'metrics' | 'tracing'>,
  { opened }: Closers,
): Promise<OpenedIndexAndStore> {
  const index = opened(await openIndex(config, { now: Date.now, log, metrics }));
  const store = opened(countStoreErrors(await openStore(config, log), metrics));
  if (tracing === undefined) return { index, store };
  return { index: traceIndex(index, tracing), store: traceStore(store, tracing) };
}
