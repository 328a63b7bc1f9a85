// Removes tags and links, from the store first: objects in the store are read into the index again. A purge marks the names that it
// removes.
import { randomUUID } from 'node:crypto';
import {
  type BlobStore,
  heldObjectKey,
  linksObjectKey,
  registryLayerLinkKey,
  registryRevisionLinkKey,
  registryTagLinkKey,
  tagObjectKey,
} from '@cistern/blob-store';
import { type CacheIndex, type RepositoryKey, type TagKey, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';

interface NamesDeps {
  readonly index: Pick<CacheIndex, 'tags' | 'links'>;
  readonly store: BlobStore;
  readonly adoptAs: string | undefined;
}

type Values = Pick<CacheIndex, 'values'>;

/** Longer than any request to an upstream and its writes. */
const keepMarksMs = 3_600_000;

/** Removes the tag's objects from the store. Returns true if there were any. */
export async function removeStoredTag({ store, adoptAs }: Omit<NamesDeps, 'index'>, key: TagKey): Promise<boolean> {
  const was = await store.removeObject(tagObjectKey(key));
  if (key.upstream !== adoptAs) return was;
  return (await store.removeObject(registryTagLinkKey(key.repository, key.tag))) || was;
}

/** Removes a tag from store and index. Returns true if there was one. */
export async function removeTag(deps: NamesDeps, key: TagKey): Promise<boolean> {
  const wasStored = await removeStoredTag(deps, key);
  return (await deps.index.tags.remove(key)) || wasStored;
}

/** Removes the links of a digest. The repository does not hold the digest until the upstream confirms it again. */
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

/**
 * Marks a tag before the first removal of a purge. A worker with an older response of the upstream finds the mark before it writes,
 * and sends a new request. So a purge is not undone by content that the upstream may have replaced meanwhile.
 */
export async function markTagPurged({ values }: Values, key: TagKey): Promise<void> {
  await values.put(nameOfTag(key), randomUUID(), keepMarksMs);
}

export async function markUpstreamPurged({ values }: Values, upstream: string): Promise<void> {
  await values.put(nameOfUpstream(upstream), randomUUID(), keepMarksMs);
}

/** Returns a text that changes when the tag is purged. */
export async function readPurgeMarks({ values }: Values, key: TagKey): Promise<string> {
  const marks = await Promise.all([values.get(nameOfTag(key)), values.get(nameOfUpstream(key.upstream))]);
  return marks.join(' ');
}

function nameOfTag(key: TagKey): string {
  return `purged/tag/${repositoryPath(key)}:${key.tag}`;
}

function nameOfUpstream(upstream: string): string {
  return `purged/upstream/${upstream}`;
}
