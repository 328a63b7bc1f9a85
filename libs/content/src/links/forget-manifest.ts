// Forgets that a repository holds a manifest, once the manifest's bytes are gone.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex, RepositoryKey } from '@cistern/index';
import { removeLink } from '../objects/remove-names.ts';
import { type DatedLinks, writeLinksObject } from '../objects/small-objects.ts';
import { putLinks } from './repository-links.ts';

export interface ForgetManifestDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly adoptAs: string | undefined;
}

/**
 * `links`: as its object says, itself first. False, and all of them are written again, if its bytes are here again: who stores a
 * manifest records its bytes before its links.
 */
export async function forgetManifest(
  deps: ForgetManifestDeps,
  key: RepositoryKey,
  { links, writtenAtMs }: DatedLinks,
): Promise<boolean> {
  const { index, store } = deps;
  const { digest } = links[0];
  await removeLink(deps, key, digest);
  if ((await index.blobs.get(digest, { fresh: true })) === undefined) return true;
  await writeLinksObject(store, key, links, writtenAtMs);
  await putLinks(index, key, links);
  return false;
}
