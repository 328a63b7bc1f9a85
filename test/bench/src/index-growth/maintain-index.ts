// Rebuilds an index from a listing, lists shards and evicts the least recent blobs, with the code of workers.
// real-time: a benchmark measures how long this takes
import { type CacheIndex, shardCount } from '@cistern/index';
import { rebuildIndex, startEvictor } from '@cistern/maintenance';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { setTimeout as delay } from 'node:timers/promises';
import { createListedStore, listedBlobBytes } from './listed-store.ts';

const log = createLogger({ level: 'warn', formatter: 'json', destination: process.stderr });
/** Blobs that were pulled within minutes are not evicted. */
const laterMs = 3_600_000;
const lookEveryMs = 5;
const listedShards = 16;

/** Adds `entries` blobs to an empty index. Resolves to the number of blobs per second. */
export async function rebuildFromListing(index: CacheIndex, entries: number): Promise<number> {
  const startedAtMs = performance.now();
  const { blobsAdded, isComplete } = await rebuildIndex({
    index,
    store: createListedStore(entries),
    log,
    now: index.now,
  });
  if (!isComplete || blobsAdded !== entries) throw new Error(`the rebuild added ${blobsAdded} of ${entries} blobs`);
  return (entries * 1000) / (performance.now() - startedAtMs);
}

/** Reads the records of 16 of 256 shards, as the scrub does. Resolves to the number of blobs per second. */
export async function listShards(index: CacheIndex): Promise<number> {
  const startedAtMs = performance.now();
  let listed = 0;
  for await (const { records } of index.blobs.shards(shardCount - listedShards)) listed += records.length;
  return (listed * 1000) / (performance.now() - startedAtMs);
}

/** Evicts `victims` blobs of a complete index. Resolves to the number of blobs per second. */
export async function evictLeastRecent(index: CacheIndex, victims: number): Promise<number> {
  const store = createListedStore(0);
  const { bytes } = await index.blobs.totals();
  const limitBytes = bytes - victims * listedBlobBytes;
  const startedAtMs = performance.now();
  const evictor = startEvictor({
    index,
    store,
    readLimits: async () => ({ mostBytes: limitBytes, highBytes: limitBytes, lowBytes: limitBytes }),
    ageLimits: () => new Map(),
    spareMs: 0,
    log,
    metrics: createMetrics(),
    now: () => index.now() + laterMs,
  });
  while (store.removed < victims) await delay(lookEveryMs);
  await evictor.close();
  const perSecond = (victims * 1000) / (performance.now() - startedAtMs);
  const left = (await index.blobs.totals()).bytes;
  if (left !== limitBytes) throw new Error(`the eviction left ${left} bytes instead of ${limitBytes}`);
  return perSecond;
}
