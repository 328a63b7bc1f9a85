// Tag records from the tag objects: stale, until upstream confirms them.
import { parseTagObjectKey, tagObjectsPrefix } from '@cistern/blob-store';
import { forEachBounded } from '@cistern/runtime';
import { readTagObject } from '@cistern/content';
import type { RebuildStep } from './rebuild-index.ts';

const atOnce = 16;

export async function rebuildTags({ index, store, now, signal, progress }: RebuildStep): Promise<void> {
  await forEachBounded(store.listObjects(tagObjectsPrefix), { atOnce, signal }, async (objectKey) => {
    const key = parseTagObjectKey(objectKey);
    if (key === undefined) return;
    progress.tags += 1;
    if ((await index.tags.get(key)) !== undefined) return;
    const record = await readTagObject(store, key, now());
    if (record !== undefined && (await index.tags.adopt(record))) progress.tagsAdded += 1;
  });
}
