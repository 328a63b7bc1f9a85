// Names go from the store first, which is the truth: what is in it comes back into the index.
import {
  type BlobStore,
  heldObjectKey,
  linksObjectKey,
  registryLayerLinkKey,
  registryRevisionLinkKey,
  registryTagLinkKey,
} from '@cistern/blob-store';
import type { CacheIndex, RepositoryKey, TagKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { removeTagObject } from './small-objects.ts';

interface NamesDeps {
  readonly index: Pick<CacheIndex, 'tags' | 'links'>;
  readonly store: BlobStore;
  readonly adoptAs: string | undefined;
}

/** What the store knows of a tag; true if it knew one. */
export async function removeStoredTag({ store, adoptAs }: Omit<NamesDeps, 'index'>, key: TagKey): Promise<boolean> {
  const was = await removeTagObject(store, key);
  if (key.upstream !== adoptAs) return was;
  return (await store.removeObject(registryTagLinkKey(key.repository, key.tag))) || was;
}

/** True if there was one. */
export async function removeTag(deps: NamesDeps, key: TagKey): Promise<boolean> {
  const wasStored = await removeStoredTag(deps, key);
  return (await deps.index.tags.remove(key)) || wasStored;
}

/** From now on the repository does not hold the digest, until upstream says so again. */
export async function removeLink(
  { index, store, adoptAs }: NamesDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<void> {
  await store.removeObject(linksObjectKey(key.upstream, key.repository, digest));
  await store.removeObject(heldObjectKey(key.upstream, key.repository, digest));
  if (key.upstream === adoptAs) {
    await store.removeObject(registryRevisionLinkKey(key.repository, digest));
    await store.removeObject(registryLayerLinkKey(key.repository, digest));
  }
  await index.links.remove(key, digest);
}
