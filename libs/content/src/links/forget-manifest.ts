// Removes the links of a manifest from a repository, after the manifest's bytes are gone.
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
 * Removes the link of the manifest. `links` are those of its links object, the manifest first. If the bytes are stored again, it
 * writes all links again and returns false. A worker that stores a manifest records its bytes before its links.
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
