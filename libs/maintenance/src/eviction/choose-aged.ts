// What nobody has pulled for longer than the upstreams allow it is from. Bytes are shared by all upstreams: what one of them
// may keep for longer stays for that one.
import { linksObjectsPrefix, parseLinksObjectKey, type BlobStore } from '@cistern/blob-store';
import type { BlobRecord, CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import { readLinksObject } from '@cistern/content';

/** By upstream, in milliseconds; upstreams without a limit are not in it. */
export type AgeLimits = ReadonlyMap<string, number>;

export interface ChooseAgedDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly ageLimits: AgeLimits;
  /** Clients may go on reading what was pulled within this time without anybody here knowing: it stays. */
  readonly spareMs: number;
  readonly now: () => number;
}

/** The rest comes with the next look. */
const maxAtOnce = 20_000;
const readsAtOnce = 16;

/**
 * From the one that was pulled longest ago. What no manifest names is of no upstream, and stays. Rejects with
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
