// Chooses the blobs that go, and their order: those first whose last pull is longest ago. By their own order manifests come before
// their blobs, since a pull of an image refreshes its parts.
import type { IndexAndStore } from '@cistern/content';
import type { BlobRecord, CacheIndex, RepositoryKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded, inBatches } from '@cistern/runtime';
import { repositoriesWhile } from '../integrity/find-holders.ts';

export interface ChooseVictimsDeps extends IndexAndStore {
  /** Clients may go on reading what was pulled within this time without anybody here knowing: it stays. */
  readonly spareMs: number;
  readonly now: () => number;
}

export interface ChooseAgedDeps extends ChooseVictimsDeps {
  /** By upstream, in milliseconds; upstreams without a limit are not in it. */
  readonly ageLimits: ReadonlyMap<string, number>;
}

/** A blob that was pulled within two minutes may be in use: long readers touch it each minute. */
const inUseMs = 120_000;
/** While room is short only younger pulls count. A reader whose blob goes continues by a fill. */
const justPulledMs = 5_000;
/** Compared with all links at once. */
const agedAtOnce = 20_000;
const batchSize = 1_000;
const callsAtOnce = 16;

export interface ChooseVictimsOptions {
  readonly isSpared: (digest: Digest) => boolean;
  /** Whether the store holds more than it should, or a fetch waits for room; called for each victim. */
  readonly isShort: () => boolean;
}

/** Ends where nothing more may go. */
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
 * Blobs whose last pull is longer ago than the limits of their upstreams, the oldest pull first, in batches. Bytes are shared by all
 * upstreams: the longest limit holds. A blob that no repository holds is of no upstream, and stays. Rejects with
 * `index-unavailable` or the signal's reason.
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

/** Blobs that some upstream's limit may hold for. */
async function* pulledLongAgo(
  { index, ageLimits, spareMs, now }: ChooseAgedDeps,
  isSpared: (digest: Digest) => boolean,
  signal: AbortSignal,
): AsyncGenerator<BlobRecord> {
  const beforeMs = now() - Math.max(inUseMs, spareMs, Math.min(Infinity, ...ageLimits.values()));
  for await (const record of index.blobs.leastRecent()) {
    signal.throwIfAborted();
    if (record.lastPulledAtMs > beforeMs) return;
    if (!isSpared(record.digest)) yield record;
  }
}

/** The longest of the limits of those upstreams that hold a digest. A repository without a manifest here keeps nothing. */
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
    const limitMs = ageLimits.get(key.upstream) ?? Infinity;
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
