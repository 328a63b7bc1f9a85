// Forgets a tag as it was read. A record that others have written meanwhile stays, and its object is written again.
import type { BlobStore } from '@cistern/blob-store';
import { type CacheIndex, isSameConfirmation, type TagKey, type TagRecord } from '@cistern/index';
import { removeStoredTag } from './remove-names.ts';
import { writeTagObject } from './small-objects.ts';

export interface ForgetTagDeps {
  readonly index: Pick<CacheIndex, 'tags'>;
  readonly store: BlobStore;
  readonly adoptAs: string | undefined;
}

/**
 * `seen`: the record as it was read; `undefined` if only the store knows the tag. `writeStore` does a write of the store, now or
 * later; default: now. False if others have confirmed, moved or removed the tag since.
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
  // From the store first: its objects come back into the index.
  await writeStore(async () => {
    await removeStoredTag(deps, key);
    await restore();
  });
  if (seen === undefined || (await index.tags.remove(key, seen))) return true;
  // The object that went may have been that of others.
  await writeStore(restore);
  return false;
}
