// Who holds what: bytes are shared by digest, access is not. A repository holds a digest if a manifest of it names the
// digest, if another cache's files say so, or if upstream confirmed it.
import { type BlobStore, registryLayerLinkKey, registryRevisionLinkKey } from '@cistern/blob-store';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/cache-index';
import type { Digest } from '@cistern/oci';
import { readLinksObject } from './small-objects.ts';
import type { StoredLinks } from './stored-links.ts';

export interface HeldDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  /** The upstream that a registry:2 cache's files in this store came from. */
  readonly adoptAs: string | undefined;
  readonly storedLinks: StoredLinks;
}

export function isSameRepository(a: RepositoryKey, b: RepositoryKey): boolean {
  return a.upstream === b.upstream && a.repository === b.repository;
}

/**
 * The link of `digest` in the repository: known, or found in the store and then known. What is linked as a blob is not
 * held as a manifest: upstream would not serve it as one, nor has it checked that what such bytes name is held too.
 */
export async function findLink(
  deps: HeldDeps,
  key: RepositoryKey,
  digest: Digest,
  kind: Link['kind'],
): Promise<Link | undefined> {
  const known = await deps.index.links.get(key, digest);
  if (known !== undefined && (known.kind === 'manifest' || kind === 'blob')) return known;
  const stored = kind === 'blob' ? await deps.storedLinks.find(key, digest) : undefined;
  if (stored !== undefined) return stored;
  const find = async () =>
    (kind === 'manifest' ? await readLinksObject(deps.store, key, digest) : undefined) ??
    (await adopt(deps, key, digest, kind));
  const found = await find();
  if (found === undefined) return undefined;
  await deps.index.links.put(key, found);
  if ((await find()) !== undefined) return found[0];
  // It was purged meanwhile.
  await deps.index.links.remove(key, digest);
  return undefined;
}

async function adopt(
  { store, adoptAs }: HeldDeps,
  key: RepositoryKey,
  digest: Digest,
  kind: Link['kind'],
): Promise<Link[] | undefined> {
  if (key.upstream !== adoptAs) return undefined;
  const linkKey = kind === 'manifest' ? registryRevisionLinkKey : registryLayerLinkKey;
  if ((await store.readObject(linkKey(key.repository, digest))) === undefined) return undefined;
  return [{ upstream: key.upstream, repository: key.repository, digest, kind }];
}
