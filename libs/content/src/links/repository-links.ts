// Links digests to the repositories that hold them. Repositories share bytes by digest, but not access. A repository holds a digest
// if its own upstream, an operator or the files of another cache confirm it. A manifest that lists a digest is only a claim.
import { setImmediate as turn } from 'node:timers/promises';
import { registryLayerLinkKey, registryRevisionLinkKey } from '@cistern/blob-store';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/index';
import type { Logger } from '@cistern/telemetry';
import type { Digest } from '@cistern/oci';
import type { IndexAndStore } from '../blob/stored-blob.ts';
import { hasHeldObject, readLinksObject, writeHeldObject } from '../objects/small-objects.ts';
import { ifObjectAvailable, ifStoreAvailable } from '../objects/if-store-available.ts';
import type { StoredLinks } from './stored-links.ts';

/** The limit for one write, which takes a millisecond or two. Nearly all manifests have fewer links. */
const linksPerWrite = 250;

export interface RepositoryLinksDeps extends IndexAndStore {
  /** The upstream that a registry:2 cache's files in this store came from. */
  readonly adoptAs: string | undefined;
  readonly storedLinks: StoredLinks;
}

/**
 * Finds the link of `digest` in the repository, from the index, else from the store. The link of a manifest is confirmed; that of a
 * blob may be a claim. A digest that is linked as a blob is not held as a manifest: the upstream would not serve it as one.
 */
export async function findLink(
  deps: RepositoryLinksDeps,
  key: RepositoryKey,
  digest: Digest,
  kind: Link['kind'],
): Promise<Link | undefined> {
  const known = await deps.index.links.get(key, digest);
  if (known !== undefined && (kind === 'blob' || isHeldManifest(known))) return known;
  const stored = kind === 'blob' ? await deps.storedLinks.find(key, digest) : undefined;
  if (stored !== undefined) return stored;
  const { store } = deps;
  // If only this object cannot be read, the manifest is requested from the upstream and the object is written again.
  const readOwn = () => ifObjectAvailable({ store }, () => readLinksObject(store, key, digest));
  const find = async () =>
    (kind === 'manifest' ? await readOwn() : undefined) ?? (await adopt(deps, key, digest, kind));
  const found = await find();
  if (found === undefined) return undefined;
  await putLinks(deps.index, key, found);
  if ((await find()) !== undefined) return found[0];
  // The link was purged meanwhile.
  await deps.index.links.remove(key, digest);
  return undefined;
}

/** Returns whether the repository may serve the digest as a manifest. */
export function isHeldManifest(link: Link | undefined): link is Link {
  return link?.kind === 'manifest' && link.confirmed === true;
}

/** Returns `link` if the index or the store has a confirmation by the repository's own upstream. */
export async function ifConfirmed(
  { index, store, adoptAs }: Pick<RepositoryLinksDeps, 'index' | 'store' | 'adoptAs'>,
  link: Link,
): Promise<Link | undefined> {
  if (link.confirmed === true) return link;
  const { digest } = link;
  const isHeld =
    (await hasHeldObject(store, link, digest)) || (await adopt({ store, adoptAs }, link, digest, 'blob')) !== undefined;
  if (!isHeld) return undefined;
  await confirmLink({ index }, link, digest);
  return { ...link, confirmed: true };
}

/**
 * Records that the upstream has confirmed the link. `size` is `undefined` if the upstream did not report it. A size from a manifest
 * stays. `mayRestore` allows setting a size that was removed before because it may have been wrong.
 */
export async function confirmLink(
  { index }: Pick<RepositoryLinksDeps, 'index'>,
  { upstream, repository }: RepositoryKey,
  digest: Digest,
  fromUpstream?: { readonly size: number | undefined; readonly mayRestore: boolean },
): Promise<void> {
  const key = { upstream, repository };
  const known = await index.links.get(key, digest, { fresh: true });
  const size = known === undefined || fromUpstream?.mayRestore === true ? fromUpstream?.size : undefined;
  if (known?.confirmed === true && (known.size !== undefined || size === undefined)) return;
  const claim = known?.kind === 'blob' ? known : undefined;
  await index.links.put(key, [{ ...key, ...claim, digest, kind: 'blob', size: claim?.size ?? size, confirmed: true }]);
}

/**
 * Records the confirmation in the store, from which a lost index is rebuilt. Does nothing while the store is unavailable: then the
 * upstream gets one more request after a loss.
 */
export async function recordHeld(
  { store, log }: Pick<RepositoryLinksDeps, 'store'> & { readonly log: Logger },
  key: RepositoryKey,
  digest: Digest,
): Promise<void> {
  await ifStoreAvailable(log, () => writeHeldObject(store, key, digest));
}

async function adopt(
  { store, adoptAs }: Pick<RepositoryLinksDeps, 'store' | 'adoptAs'>,
  key: RepositoryKey,
  digest: Digest,
  kind: Link['kind'],
): Promise<Link[] | undefined> {
  if (key.upstream !== adoptAs) return undefined;
  const linkKey = kind === 'manifest' ? registryRevisionLinkKey : registryLayerLinkKey;
  if ((await store.readObject(linkKey(key.repository, digest))) === undefined) return undefined;
  return [{ upstream: key.upstream, repository: key.repository, digest, kind, confirmed: true }];
}

/**
 * Writes the links of a manifest into the index. The link of the manifest itself is the first of `links` and is written last: while
 * it is missing, all links are written again. Many links in one write block the event loop if the index is SQLite or Redis. So the
 * links of a large manifest are written in portions.
 */
export async function putLinks(
  { links: index }: Pick<CacheIndex, 'links'>,
  key: RepositoryKey,
  links: readonly Link[],
): Promise<void> {
  if (links.length <= linksPerWrite) return index.put(key, links);
  for (let at = 1; at < links.length; at += linksPerWrite) {
    await index.put(key, links.slice(at, at + linksPerWrite));
    await turn();
  }
  await index.put(key, links.slice(0, 1));
}
