// One step of a purge removes bytes at once, however lately they were pulled. Their readers go on: from what is
// open already, else from a fetch at the same place.
import { setTimeout as delay } from 'node:timers/promises';
import type { ImageName } from '@cistern/blob-store';
import { deleteBlob, findStoredBlob, type IndexAndStore } from '@cistern/content';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import type { ReadPinnedDigests } from '../eviction/create-pinned-digests.ts';

export interface PurgeDeps extends IndexAndStore {
  /** The upstream that a registry:2 cache's files in the store came from. */
  readonly adoptAs: string | undefined;
  readonly now: () => number;
}

/** A purge under way: the index is not rebuilt meanwhile, and no other purge runs. */
export interface PurgeStep extends PurgeDeps {
  readonly pins: readonly ImageName[];
  /** All that pinned images are made of: its bytes stay. */
  readonly readPinned: ReadPinnedDigests;
  readonly signal: AbortSignal;
  /** Goes on past one object that cannot be read or removed. */
  readonly past: (action: () => Promise<void>) => Promise<void>;
}

export interface Purged {
  readonly tags: number;
  /** Whose bytes are gone; what others refer to stays. */
  readonly manifests: number;
  readonly blobs: number;
}

/** `pinnedBy`: nothing was purged, because these are pinned. */
export type PurgeResult = { readonly purged: Purged } | { readonly pinnedBy: readonly ImageName[] };

const atOnce = 16;
/** A fetch of it may be under way. */
const maxTries = 60;
const tryAgainMs = 50;

/**
 * Manifests first, so that none is here without its blobs. Rejects with `store-unavailable` or `index-unavailable`, and with
 * `overloaded` if the index has lost data: what it has told of others until now may have been less than there is.
 */
export async function removeBytes(step: PurgeStep, digests: Iterable<Digest>): Promise<Omit<Purged, 'tags'>> {
  const [manifests, blobs]: [Digest[], Digest[]] = [[], []];
  const { index, signal } = step;
  await forEachBounded(digests, { atOnce, signal }, async (digest) => {
    ((await index.manifests.get(digest)) === undefined ? blobs : manifests).push(digest);
  });
  if (!(await index.epoch.isComplete()))
    throw new CacheError(
      'overloaded',
      'The index has lost data and is being rebuilt from the store, so nobody knows what else refers to this. Try again later.',
      { retryable: true },
    );
  const removed = { manifests: 0, blobs: 0 };
  for (const [kind, ofKind] of Object.entries({ manifests, blobs }) as ['manifests' | 'blobs', Digest[]][])
    await forEachBounded(ofKind, { atOnce, signal }, (digest) =>
      step.past(async () => {
        if (await remove(step, digest)) removed[kind] += 1;
      }),
    );
  return removed;
}

/** False: it is not here, or it is being brought anew. */
async function remove(step: PurgeStep, digest: Digest): Promise<boolean> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const found = await findStoredBlob(step, digest);
    if (found === undefined && (await step.index.blobs.get(digest, { fresh: true })) === undefined) return false;
    if (await deleteBlob(step, digest)) return true;
    await delay(tryAgainMs, undefined, { signal: step.signal });
  }
  return false;
}
