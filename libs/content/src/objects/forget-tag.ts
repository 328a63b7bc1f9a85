// Removes a tag if it is still as it was read. A record that another worker has written meanwhile stays, and its object is restored.
import type { BlobStore } from '@cistern/blob-store';
import { type CacheIndex, isSameConfirmation, type TagKey, type TagRecord } from '@cistern/index';
import { removeStoredTag } from './remove-names.ts';
import { writeTagObject } from './small-objects.ts';

export interface ForgetTagDeps {
  readonly index: Pick<CacheIndex, 'tags'>;
  readonly store: BlobStore;
  readonly adoptAs: () => string | undefined;
}

/**
 * Removes the tag. `seen` is the record that the caller has read, or `undefined` if the tag is only in the store. `writeStore`
 * runs a write to the store, now or later. Default: now. Resolves to false if another worker has confirmed, moved or removed
 * the tag since it was read.
 */
export async function forgetTag(
  deps: ForgetTagDeps,
  { upstream, repository, tag }: TagKey,
  seen: TagRecord | undefined,
  writeStore: (write: () => Promise<void>) => Promise<unknown> = (write) => write(),
): Promise<boolean> {
  const { index, store } = deps;
  const key = { upstream, repository, tag };
  const read = () => index.tags.get(key, { fresh: true });
  if (!isSameConfirmation(await read(), seen)) return false;
  const restore = async () => {
    const current = await read();
    if (current !== undefined && !isSameConfirmation(current, seen)) await writeTagObject(store, current);
  };
  // Remove the tag from the store first, because a tag in the store would be read into the index again.
  await writeStore(async () => {
    await removeStoredTag(deps, key);
    await restore();
  });
  if (seen === undefined || (await index.tags.remove(key, seen))) return true;
  // Another worker has changed the tag, so the removed object may have been the one that it wrote.
  await writeStore(restore);
  return false;
}
