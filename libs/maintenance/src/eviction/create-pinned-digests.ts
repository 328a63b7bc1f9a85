// Finds all cached parts of pinned images.
import type { ImageName } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import {
  type CachedManifest,
  createContentCache,
  type IndexAndStore,
  findTag,
  partsOf,
  peekManifest,
  listPins,
  untilDeleted,
} from '@cistern/content';
import { tolerateFailure } from '../tolerate-failure.ts';

/**
 * Waits until a pin that was written protects its image. After that, no cached part of the image is evicted. Rejects as
 * `ReadPinnedDigests` does.
 */
export async function untilPinHolds(deps: PinnedDigestsDeps, pin: ImageName): Promise<void> {
  // Waits only for deletions that are in progress, because a deletion that begins now respects the pin.
  for (const digest of await createPinnedDigests(deps)([pin])) await untilDeleted(deps, digest);
}

export interface PinnedDigestsDeps extends IndexAndStore {
  readonly now: () => number;
}

/**
 * Returns the digests that `pins` protect. Without `pins`, reads all pins from the store again. Keeps manifests in
 * memory for the next call.
 */
export type ReadPinnedDigests = (pins?: readonly ImageName[]) => Promise<ReadonlySet<Digest>>;

const manifestBytes = 16 * 1024 * 1024;

/** The returned function rejects with `store-unavailable` or `index-unavailable`. */
export function createPinnedDigests({ index, store, now }: PinnedDigestsDeps): ReadPinnedDigests {
  const manifests = createContentCache<CachedManifest>(manifestBytes);

  async function readManifest(digest: Digest) {
    const known = manifests.get(digest);
    if (known !== undefined) return known;
    const manifest = await peekManifest({ index, store }, digest);
    if (manifest !== undefined) manifests.set(digest, manifest);
    return manifest;
  }

  async function digestNamedBy({ upstream, repository, reference }: ImageName): Promise<Digest | undefined> {
    if (reference.kind === 'digest') return reference.digest;
    const key = { upstream, repository, tag: reference.tag };
    return (await findTag({ index, store, now }, key))?.digest;
  }

  async function digestsOf(pin: ImageName): Promise<Digest[]> {
    const digest = await digestNamedBy(pin);
    return digest === undefined ? [] : [digest, ...(await partsOf(digest, readManifest))];
  }

  return async (pins) => {
    const pinned = new Set<Digest>();
    for (const pin of pins ?? (await listPins(store))) {
      let isReadable = true;
      const onFailure = () => void (isReadable = false);
      await tolerateFailure({ store, onFailure }, async () => add(pinned, await digestsOf(pin)));
      // The parts of an unreadable manifest are unknown, so everything that its repository holds is protected.
      if (!isReadable) add(pinned, await index.links.digests(pin));
    }
    return pinned;
  };
}

function add(pinned: Set<Digest>, digests: readonly Digest[]): void {
  for (const digest of digests) pinned.add(digest);
}
