// Starts a cache in one process with a limited store, images to pull, and an evictor that the test steps.
import type { TestContext } from 'node:test';
import type { CacheIndex } from '@cistern/index';
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { createDeleter } from '../eviction/create-deleter.ts';
import { createEviction } from '../eviction/create-eviction.ts';
import type { ReadLimits } from '../eviction/eviction-limits.ts';
import { planEviction } from '../eviction/plan-eviction.ts';
import { removeAged } from '../eviction/remove-aged.ts';
import { type TestImage, addImage } from '@cistern/upstream/testing';
import { type TestCacheOptions, startTestCache } from '@cistern/pull-through/testing';
import { repositoryOf } from '@cistern/index/testing';
import { collect } from '@cistern/oci/testing';

export interface FullCacheOptions extends TestCacheOptions {
  readonly highBytes: number;
  readonly lowBytes: number;
  /** Replaces the two watermarks. */
  readonly readLimits?: ReadLimits;
  readonly spareMs?: number;
}

/** A blob that was pulled within this time is no victim, unless space is short. */
export const inUseMs = 120_000;

export async function startFullCache(
  t: TestContext,
  { highBytes, lowBytes, spareMs = 0, ...options }: FullCacheOptions,
) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  const { cache, hub, clock, index, store, metrics } = started;
  const lines: string[] = [];
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => lines.push(line) } });
  const readLimits = options.readLimits ?? (async () => ({ mostBytes: highBytes, highBytes, lowBytes }));
  const now = () => clock.nowMs;
  const parts = { index, store, metrics, log, spareMs, now };
  const openEviction = () => createEviction({ ...parts, deleter: createDeleter(parts), readLimits });
  const eviction = openEviction();
  const { signal } = new AbortController();

  const pullBlob = async (repository: string, digest: Digest) => {
    const blob = await cache.openBlob({ ...repositoryOf('docker.io', repository), digest, intent: 'whole' });
    return collect(await blob.read());
  };

  return {
    ...started,
    lines,
    openEviction,
    /** Removes old blobs like an evictor that has just started. */
    age: (limits: Readonly<Record<string, number>>) =>
      removeAged({ ...parts, deleter: createDeleter(parts), ageLimits: () => new Map(Object.entries(limits)) }, signal),
    plan: (limits: Readonly<Record<string, number>>, downToBytes?: number) =>
      planEviction({ ...parts, readLimits, ageLimits: () => new Map(Object.entries(limits)) }, { downToBytes, signal }),
    addImage: (repository: string, tag: string, layers: readonly number[], layerBytes?: number) =>
      addImage(hub, { repository, tag, layers, ...(layerBytes !== undefined && { layerBytes }) }),
    pullBlob,
    /** Pulls like a client without any layer; a second passes with each request. */
    async pull({ repository, tag, blobs }: TestImage) {
      const key = repositoryOf('docker.io', repository);
      clock.nowMs += 1000;
      await cache.openManifest({ ...key, reference: { kind: 'tag', tag } });
      for (const digest of blobs) {
        clock.nowMs += 1000;
        await pullBlob(repository, digest);
        await settled(started);
      }
    },
    /** Pulls like a client that has all layers. */
    async check({ repository, tag }: TestImage) {
      clock.nowMs += 1000;
      await cache.statManifest({ ...repositoryOf('docker.io', repository), reference: { kind: 'tag', tag } });
      // The refresh runs after the response.
      await new Promise((resolve) => setTimeout(resolve, 10));
    },
    step: () => eviction.step(signal),
    /** Runs a step after a time without pulls. */
    async evict(afterMs = inUseMs) {
      clock.nowMs += afterMs;
      await eviction.step(signal);
    },
    here: (digests: readonly Digest[]) => here(store, digests),
    recount: () => recount(index, store),
  };
}

/** Waits until no fill runs and all reads are recorded. */
async function settled({ fills }: Awaited<ReturnType<typeof startTestCache>>): Promise<void> {
  while (fills.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise(setImmediate);
}

async function here(store: BlobStore, digests: readonly Digest[]): Promise<boolean[]> {
  return Promise.all(digests.map(async (digest) => (await store.stat(digest)) !== undefined));
}

/** Returns the totals of the index, and those of the store. */
export async function recount(index: CacheIndex, store: BlobStore) {
  const counted = { blobs: 0, bytes: 0 };
  const strangers: Digest[] = [];
  for await (const { digest, size } of store.list()) {
    counted.blobs += 1;
    counted.bytes += size;
    const record = await index.blobs.get(digest, { fresh: true });
    if (record?.size !== size) strangers.push(digest);
  }
  return { counted, totals: await index.blobs.totals(), strangers };
}
