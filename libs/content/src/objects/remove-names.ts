// Removes tags and links from the store, then from the index. In the other order, objects in the store could be read into the
// index again. A purge also marks the tags and upstreams that it removes.
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
  readonly adoptAs: () => string | undefined;
}

type Values = Pick<CacheIndex, 'values'>;

/** How long a mark is kept. Longer than any request to an upstream, with the writes of its response. */
const keepMarksMs = 3_600_000;

/** Removes the tag's objects from the store. Resolves to true if there were any. */
export async function removeStoredTag({ store, adoptAs }: Omit<NamesDeps, 'index'>, key: TagKey): Promise<boolean> {
  const was = await store.removeObject(tagObjectKey(key));
  if (key.upstream !== adoptAs()) return was;
  return (await store.removeObject(registryTagLinkKey(key.repository, key.tag))) || was;
}

/** Removes a tag from store and index. Resolves to true if either had it. */
export async function removeTag(deps: NamesDeps, key: TagKey): Promise<boolean> {
  const wasStored = await removeStoredTag(deps, key);
  return (await deps.index.tags.remove(key)) || wasStored;
}

/**
 * Removes the link of a digest from store and index. Afterwards the repository does not hold the digest until the upstream
 * confirms it again.
 */
export async function removeLink(
  { index, store, adoptAs }: NamesDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<void> {
  await store.removeObject(linksObjectKey(key.upstream, key.repository, digest));
  await store.removeObject(heldObjectKey(key.upstream, key.repository, digest));
  if (key.upstream === adoptAs()) {
    await store.removeObject(registryRevisionLinkKey(key.repository, digest));
    await store.removeObject(registryLayerLinkKey(key.repository, digest));
  }
  await index.links.remove(key, digest);
}

/**
 * Marks a tag as purged. Call it before the purge removes anything. A worker that has an older response from the upstream then
 * finds the mark, and sends a new request instead of writing that response. So an old response does not undo a purge.
 */
export async function markTagPurged({ values }: Values, key: TagKey): Promise<void> {
  await values.put(nameOfTag(key), randomUUID(), keepMarksMs);
}

export async function markUpstreamPurged({ values }: Values, upstream: string): Promise<void> {
  await values.put(nameOfUpstream(upstream), randomUUID(), keepMarksMs);
}

/** Resolves to a text that changes whenever the tag or its upstream is purged. */
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
