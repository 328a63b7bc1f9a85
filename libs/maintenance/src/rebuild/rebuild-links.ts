// Links and manifest records from the links objects, and which of the links upstreams have confirmed from the held objects.
import { heldObjectsPrefix, linksObjectsPrefix, parseHeldObjectKey, parseLinksObjectKey } from '@cistern/blob-store';
import { forEachBounded } from '@cistern/runtime';
import { confirmLink, putLinks, readLinksObject } from '@cistern/content';
import type { RebuildStep } from './rebuild-index.ts';

const atOnce = 16;

export async function rebuildLinks(step: RebuildStep): Promise<void> {
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
