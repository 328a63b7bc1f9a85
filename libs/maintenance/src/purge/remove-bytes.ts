// Removes the bytes of a purge immediately, however recently they were pulled. Readers of these bytes continue from
// open files, or from a new fetch at the same offset.
import { setTimeout as delay } from 'node:timers/promises';
import type { ImageName } from '@cistern/blob-store';
import { deleteBlob, findStoredBlob, type IndexAndStore } from '@cistern/content';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import type { ReadPinnedDigests } from '../eviction/create-pinned-digests.ts';

export interface PurgeDeps extends IndexAndStore {
  /** The upstream from which a registry:2 cache fetched the files that it left in the store. */
  readonly adoptAs: () => string | undefined;
  readonly now: () => number;
}

/** A purge under way. It begins with a complete index, and no other purge runs at the same time. */
export interface PurgeStep extends PurgeDeps {
  readonly pins: readonly ImageName[];
  /** Returns all parts of pinned images, whose bytes are not removed. */
  readonly readPinned: ReadPinnedDigests;
  readonly signal: AbortSignal;
  /** Runs `action`, and resolves even if it fails to read or remove one object. */
  readonly tolerate: (action: () => Promise<void>) => Promise<void>;
}

export interface Purged {
  readonly tags: number;
  /** Number of manifests whose bytes were removed. Manifests that other images refer to are kept. */
  readonly manifests: number;
  readonly blobs: number;
}

/** `pinnedBy` lists the pins that prevented the purge; nothing was purged then. */
export type PurgeResult = { readonly purged: Purged } | { readonly pinnedBy: readonly ImageName[] };

const atOnce = 16;
/** Number of tries to delete a blob. A try fails while a fetch of the blob is under way. */
const maxTries = 60;
const retryMs = 50;

/**
 * Removes the bytes of digests: manifests first, so that none is stored without its blobs. Rejects with
 * `store-unavailable` or `index-unavailable`. Rejects with `overloaded` if the index lost data, because the references
 * that it reported may have been incomplete.
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
      'The purge stopped: the index has lost data, so other references are unknown until it is rebuilt. Try again later.',
      { retryable: true },
    );
  const removed = { manifests: 0, blobs: 0 };
  for (const [kind, ofKind] of Object.entries({ manifests, blobs }) as ['manifests' | 'blobs', Digest[]][])
    await forEachBounded(ofKind, { atOnce, signal }, (digest) =>
      step.tolerate(async () => {
        if (await remove(step, digest)) removed[kind] += 1;
      }),
    );
  return removed;
}

/** Removes one blob. Returns false if the blob is not stored, or is being fetched again. */
async function remove(step: PurgeStep, digest: Digest): Promise<boolean> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const found = await findStoredBlob(step, digest);
    if (found === undefined && (await step.index.blobs.get(digest, { fresh: true })) === undefined) return false;
    if (await deleteBlob(step, digest)) return true;
    await delay(retryMs, undefined, { signal: step.signal });
  }
  return false;
}
