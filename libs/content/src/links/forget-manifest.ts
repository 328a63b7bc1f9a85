// Removes the link of a manifest from a repository, after the manifest's bytes are gone.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex, RepositoryKey } from '@cistern/index';
import { removeLink } from '../objects/remove-names.ts';
import { type DatedLinks, writeLinksObject } from '../objects/small-objects.ts';
import { putLinks } from './repository-links.ts';

export interface ForgetManifestDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly adoptAs: () => string | undefined;
}

/**
 * Removes the link of the manifest. `links` are the links of its links object, the link of the manifest first. If a worker has
 * stored the bytes again, it writes all links again and resolves to false. That check is enough, because a worker records the
 * bytes of a manifest before its links.
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
