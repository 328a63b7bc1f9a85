// Removes names, from the store first: it is the truth, and its objects come back into the index. A purge marks the names that it
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

/** No request to an upstream, with all that it brings, takes as long. */
const keepMarksMs = 3_600_000;

/** What the store knows of a tag; true if it knew one. */
export async function removeStoredTag({ store, adoptAs }: Omit<NamesDeps, 'index'>, key: TagKey): Promise<boolean> {
  const was = await store.removeObject(tagObjectKey(key));
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

/**
 * To be called before the first removal of a purge. A worker that asked upstream before the purge, and would write after it, finds
 * the mark and asks again. So nothing comes back that upstream may have replaced meanwhile.
 */
export async function markTagPurged({ values }: Values, key: TagKey): Promise<void> {
  await values.put(nameOfTag(key), randomUUID(), keepMarksMs);
}

export async function markUpstreamPurged({ values }: Values, upstream: string): Promise<void> {
  await values.put(nameOfUpstream(upstream), randomUUID(), keepMarksMs);
}

/** Another text than before: the tag was purged in between. */
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
