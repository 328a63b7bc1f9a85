// Chooses the blobs to evict, the least recently pulled first. A pull of a manifest also updates the pull times of its
// parts, so a manifest is evicted before its blobs.
import type { IndexAndStore } from '@cistern/content';
import type { BlobRecord, CacheIndex, RepositoryKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded, inBatches } from '@cistern/runtime';
import { repositoriesWhile } from '../integrity/find-holders.ts';

export interface ChooseVictimsDeps extends IndexAndStore {
  /**
   * Blobs that were pulled within this time are not evicted. Clients may still read them by a redirect to the store,
   * which no node notices.
   */
  readonly spareMs: number;
  readonly now: () => number;
}

export interface ChooseAgedDeps extends ChooseVictimsDeps {
  /**
   * Returns the longest time since the last pull, in milliseconds, by upstream. Upstreams without a limit have no entry.
   */
  readonly ageLimits: () => ReadonlyMap<string, number>;
}

/**
 * A blob that was pulled within two minutes may be in use, because a long read updates the blob's pull time each
 * minute.
 */
const inUseMs = 120_000;
/** Replaces `inUseMs` while space is short. A reader whose blob is evicted continues from a fill. */
const justPulledMs = 5_000;
/** Number of blobs that are compared with all links in one pass. */
const agedAtOnce = 20_000;
const batchSize = 1_000;
const callsAtOnce = 16;

export interface ChooseVictimsOptions {
  readonly isSpared: (digest: Digest) => boolean;
  /** Reports whether the store is above its limit or a fetch waits for space. Called for each victim. */
  readonly isShort: () => boolean;
}

/** Yields the blobs to evict, the least recently pulled first. Ends at the first blob that was pulled too recently. */
export async function* chooseVictims(
  { index, now, spareMs }: ChooseVictimsDeps,
  { isSpared, isShort }: ChooseVictimsOptions,
): AsyncGenerator<BlobRecord> {
  for await (const record of index.blobs.leastRecent()) {
    const quietMs = Math.max(spareMs, isShort() ? justPulledMs : inUseMs);
    if (record.lastPulledAtMs > now() - quietMs) return;
    if (!isSpared(record.digest)) yield record;
  }
}

/**
 * Yields blobs whose last pull is longer ago than the limits of their upstreams, in batches, the oldest pull first.
 * Several upstreams can hold one blob, so the longest of their limits applies. A blob that no repository holds belongs
 * to no upstream, so it is not evicted. Rejects with `index-unavailable` or the signal's reason.
 */
export async function* chooseAged(
  deps: ChooseAgedDeps,
  isSpared: (digest: Digest) => boolean,
  signal: AbortSignal,
): AsyncGenerator<BlobRecord[]> {
  for await (const records of inBatches(pulledLongAgo(deps, isSpared, signal), agedAtOnce)) {
    const limits = await findLimits(deps, new Set(records.map(({ digest }) => digest)), signal);
    const nowMs = deps.now();
    const aged = records.filter(
      ({ digest, lastPulledAtMs }) => lastPulledAtMs <= nowMs - (limits.get(digest) ?? Infinity),
    );
    yield* inBatches(aged, batchSize);
  }
}

/** Yields blobs whose last pull is older than the shortest limit. */
async function* pulledLongAgo(
  { index, ageLimits, spareMs, now }: ChooseAgedDeps,
  isSpared: (digest: Digest) => boolean,
  signal: AbortSignal,
): AsyncGenerator<BlobRecord> {
  const beforeMs = now() - Math.max(inUseMs, spareMs, Math.min(Infinity, ...ageLimits().values()));
  for await (const record of index.blobs.leastRecent()) {
    signal.throwIfAborted();
    if (record.lastPulledAtMs > beforeMs) return;
    if (!isSpared(record.digest)) yield record;
  }
}

/**
 * Returns, for each digest, the longest limit of the upstreams that hold it. A repository without a cached manifest
 * counts only if no repository with a cached manifest holds the digest.
 */
async function findLimits(
  { index, ageLimits }: ChooseAgedDeps,
  candidates: ReadonlySet<Digest>,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, number>> {
  const [ofImagesHere, ofOthers] = [new Map<Digest, number>(), new Map<Digest, number>()];
  const repositories = repositoriesWhile(index, () => true);
  await forEachBounded(repositories, { atOnce: callsAtOnce, signal }, async (key: RepositoryKey) => {
    const held = await index.links.digests(key);
    const found = held.filter((digest) => candidates.has(digest));
    if (found.length === 0) return;
    const limits = (await hasManifest(index, held)) ? ofImagesHere : ofOthers;
    const limitMs = ageLimits().get(key.upstream) ?? Infinity;
    for (const digest of found) limits.set(digest, Math.max(limits.get(digest) ?? 0, limitMs));
  });
  return new Map([...ofOthers, ...ofImagesHere]);
}

async function hasManifest({ manifests }: CacheIndex, digests: readonly Digest[]): Promise<boolean> {
  for (let at = 0; at < digests.length; at += callsAtOnce) {
    const some = await Promise.all(digests.slice(at, at + callsAtOnce).map((digest) => manifests.get(digest)));
    if (some.some((record) => record !== undefined)) return true;
  }
  return false;
}
