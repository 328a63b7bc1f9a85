// The index from the store alone, while everything goes on: what is missing is added, what is there is newer and stays.
import {
  parseTagObjectKey,
  tagObjectsPrefix,
  heldObjectsPrefix,
  linksObjectsPrefix,
  parseHeldObjectKey,
  parseLinksObjectKey,
} from '@cistern/blob-store';
import { withLease } from '@cistern/index';
import type { Logger } from '@cistern/telemetry';
import {
  adoptBlob,
  type IndexAndStore,
  adoptedRecord,
  isEmptied,
  readTagObject,
  confirmLink,
  putLinks,
  readLinksObject,
} from '@cistern/content';
import { forEachBounded } from '@cistern/runtime';

const atOnce = 16;
const blobsAtOnce = 32;

export interface RebuildOptions extends IndexAndStore {
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

/** Only the holder of this lease may rebuild. */
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
      // A manifest's record says that it is in the store, so its blob's record comes first.
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
interface RebuildStep extends RebuildOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Blob records from the store's listing. Their origin is unknown, so the next whole read verifies each. A manifest that
 * names one proves nothing: manifests of other caches do too.
 */
async function rebuildBlobs({ index, store, now, signal, progress }: RebuildStep): Promise<void> {
  await forEachBounded(store.list(), { atOnce: blobsAtOnce, signal }, async (blob) => {
    progress.blobs += 1;
    if (isEmptied(blob.digest, blob.size)) return;
    if (await adoptBlob({ index, store }, adoptedRecord(blob, now()))) progress.blobsAdded += 1;
  });
}

/** Tag records from the tag objects: stale, until upstream confirms them. */
async function rebuildTags({ index, store, now, signal, progress }: RebuildStep): Promise<void> {
  await forEachBounded(store.listObjects(tagObjectsPrefix), { atOnce, signal }, async (objectKey) => {
    const key = parseTagObjectKey(objectKey);
    if (key === undefined) return;
    progress.tags += 1;
    if ((await index.tags.get(key)) !== undefined) return;
    const record = await readTagObject(store, key, now());
    if (record !== undefined && (await index.tags.adopt(record))) progress.tagsAdded += 1;
  });
}

/**
 * Links and manifest records from the links objects, and which of the links upstreams have confirmed from the held
 * objects.
 */
async function rebuildLinks(step: RebuildStep): Promise<void> {
  const { index, store, now, signal, progress } = step;
  await forEachBounded(store.listObjects(linksObjectsPrefix), { atOnce, signal }, async (objectKey) => {
    const key = parseLinksObjectKey(objectKey);
    const links = key && (await readLinksObject(store, key, key.digest));
    const manifest = links?.[0];
    if (key === undefined || manifest === undefined) return;
    progress.manifests += 1;
    await putLinks(index, key, links!);
    const { digest, mediaType, size } = manifest;
    if (!mediaType || size === undefined) return;
    if ((await index.blobs.get(digest)) === undefined || (await index.manifests.get(digest)) !== undefined) return;
    await index.manifests.put({ schema: 1, digest, mediaType, size, storedAtMs: now() });
  });
  await rebuildConfirmations(step);
}

/** A confirmed blob stays confirmed even if no manifest names it any more. */
async function rebuildConfirmations({ index, store, signal }: RebuildStep): Promise<void> {
  await forEachBounded(store.listObjects(heldObjectsPrefix), { atOnce, signal }, async (objectKey) => {
    const found = parseHeldObjectKey(objectKey);
    if (found === undefined) return;
    const { digest, ...key } = found;
    await confirmLink({ index }, key, digest);
  });
}
