// Chooses the blobs that go, and their order: those first whose last pull is longest ago. By their own order manifests come before
// their blobs, since a pull of an image refreshes its parts.
import { linksObjectsPrefix, parseLinksObjectKey } from '@cistern/blob-store';
import { type IndexAndStore, readLinksObject } from '@cistern/content';
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';

export interface ChooseAgedDeps extends IndexAndStore {
  /** By upstream, in milliseconds; upstreams without a limit are not in it. */
  readonly ageLimits: ReadonlyMap<string, number>;
  /** Clients may go on reading what was pulled within this time without anybody here knowing: it stays. */
  readonly spareMs: number;
  readonly now: () => number;
}

/** The rest comes with the next look. */
const maxAtOnce = 20_000;
const readsAtOnce = 16;

/** Ends where nothing more may go. */
export async function* chooseVictims(
  { index, now, spareMs }: Pick<ChooseAgedDeps, 'index' | 'now' | 'spareMs'>,
  pinned: () => ReadonlySet<Digest>,
): AsyncGenerator<BlobRecord> {
  for await (const record of index.blobs.leastRecent()) {
    if (record.lastPulledAtMs > now() - spareMs) return;
    if (!pinned().has(record.digest)) yield record;
  }
}

/**
 * Blobs whose last pull is longer ago than the limits of their upstreams, the oldest pull first. Bytes are shared by all upstreams:
 * the longest limit holds. A blob that no manifest names is of no upstream, and stays. Rejects with
 * `store-unavailable`, `index-unavailable` or the signal's reason.
 */
export async function chooseAged(
  deps: ChooseAgedDeps,
  pinned: ReadonlySet<Digest>,
  signal: AbortSignal,
): Promise<BlobRecord[]> {
  const { index, ageLimits, spareMs, now } = deps;
  const nowMs = now();
  const shortestMs = Math.max(spareMs, Math.min(Infinity, ...ageLimits.values()));
  const candidates = new Map<Digest, BlobRecord>();
  for await (const record of index.blobs.leastRecent()) {
    signal.throwIfAborted();
    if (record.lastPulledAtMs > nowMs - shortestMs || candidates.size === maxAtOnce) break;
    if (!pinned.has(record.digest)) candidates.set(record.digest, record);
  }
  if (candidates.size === 0) return [];
  const limits = await findLimits(deps, candidates, signal);
  return [...candidates.values()].filter(
    ({ digest, lastPulledAtMs }) => lastPulledAtMs <= nowMs - (limits.get(digest) ?? Infinity),
  );
}

/** The longest of the limits of those upstreams that hold a digest. An image that is not here any more keeps nothing. */
async function findLimits(
  { index, store, ageLimits }: ChooseAgedDeps,
  candidates: ReadonlyMap<Digest, BlobRecord>,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, number>> {
  const [ofImagesHere, ofOthers] = [new Map<Digest, number>(), new Map<Digest, number>()];
  await forEachBounded(store.listObjects(linksObjectsPrefix), { atOnce: readsAtOnce, signal }, async (objectKey) => {
    const key = parseLinksObjectKey(objectKey);
    const links = key && (await readLinksObject(store, key, key.digest, Infinity));
    const named = links?.filter(({ digest }) => candidates.has(digest)) ?? [];
    if (key === undefined || named.length === 0) return;
    const isHere = (await index.blobs.get(key.digest)) !== undefined;
    const limits = isHere ? ofImagesHere : ofOthers;
    const limitMs = ageLimits.get(key.upstream) ?? Infinity;
    for (const { digest } of named) limits.set(digest, Math.max(limits.get(digest) ?? 0, limitMs));
  });
  return new Map([...ofOthers, ...ofImagesHere]);
}
