// The index from the store alone, while everything goes on: what is missing is added, what is there is newer and stays.
import type { BlobStore } from '@cistern/blob-store';
import { type CacheIndex, withLease } from '@cistern/index';
import type { Logger } from '@cistern/telemetry';
import { rebuildBlobs } from './rebuild-blobs.ts';
import { rebuildLinks } from './rebuild-links.ts';
import { rebuildTags } from './rebuild-tags.ts';

export interface RebuildOptions {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  /** Called about once a second, and at the end. */
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
}

/** What has been looked at so far, and how much of it the index did not know. */
export interface RebuildProgress {
  readonly step: 'blobs' | 'links' | 'tags' | 'done';
  readonly blobs: number;
  readonly blobsAdded: number;
  /** Manifests of repositories, by their links objects. */
  readonly manifests: number;
  readonly tags: number;
  readonly tagsAdded: number;
}

export interface RebuildResult extends RebuildProgress {
  /** False: something was lost meanwhile, and it has to be done again. */
  readonly isComplete: boolean;
}

/** Whoever has it alone may rebuild. */
export const rebuildLease = 'rebuild';

const progressEveryMs = 1000;

/**
 * Resolves to `undefined` if another process is rebuilding. Rejects with `store-unavailable`, `index-unavailable` or the
 * signal's reason; what was added until then stays, and running it again goes on.
 */
export async function rebuildIndex(options: RebuildOptions): Promise<RebuildResult | undefined> {
  const { index, onProgress } = options;
  return withLease({ index, name: rebuildLease, signal: options.signal }, async (signal) => {
    const progress: Progress = { step: 'blobs', blobs: 0, blobsAdded: 0, manifests: 0, tags: 0, tagsAdded: 0 };
    const timer = setInterval(() => onProgress?.({ ...progress }), progressEveryMs);
    try {
      const epoch = await index.epoch.current();
      const deps = { ...options, progress, signal };
      // A manifest's record says that it is in the store, which its blob's record tells.
      await rebuildBlobs(deps);
      progress.step = 'links';
      await rebuildLinks(deps);
      progress.step = 'tags';
      await rebuildTags(deps);
      signal.throwIfAborted();
      progress.step = 'done';
      const isComplete = await index.epoch.markComplete(epoch);
      onProgress?.({ ...progress });
      return { ...progress, isComplete };
    } finally {
      clearInterval(timer);
    }
  });
}

type Progress = { -readonly [K in keyof RebuildProgress]: RebuildProgress[K] };

/** What each step is given; it counts in `progress`. */
export interface RebuildStep extends RebuildOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}
