// Links digests to the repositories that hold them. Repositories share stored bytes, but not the right to read them. A
// repository holds a digest if its own upstream, an operator or the files of another cache confirm that. A manifest that lists
// the digest is only a claim.
import { setImmediate as turn } from 'node:timers/promises';
import { registryLayerLinkKey, registryRevisionLinkKey } from '@cistern/blob-store';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/index';
import type { Logger } from '@cistern/telemetry';
import type { Digest } from '@cistern/oci';
import type { IndexAndStore } from '../blob/stored-blob.ts';
import { hasHeldObject, readLinksObject, writeHeldObject } from '../objects/small-objects.ts';
import { ifObjectAvailable, ifStoreAvailable } from '../objects/if-store-available.ts';
import type { StoredLinks } from './stored-links.ts';

/** The most links of one write, so that a write takes a millisecond or two. Nearly all manifests have fewer links. */
const linksPerWrite = 250;

export interface RepositoryLinksDeps extends IndexAndStore {
  /**
   * The upstream from which a registry:2 cache fetched its files in this store. `undefined` means that such files are not
   * adopted.
   */
  readonly adoptAs: () => string | undefined;
  readonly storedLinks: StoredLinks;
}

/**
 * Finds the link of `digest` in the repository, in the index or else in the store. The link of a manifest is confirmed. The
 * link of a blob may be a claim. A digest that is linked as a blob is not found as a manifest, because the upstream would not
 * serve it as one.
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
  // If the store cannot read only this object, it counts as missing. Then the manifest is fetched and the object is written
  // again.
  const readOwn = () => ifObjectAvailable({ store }, () => readLinksObject(store, key, digest));
  const find = async () =>
    (kind === 'manifest' ? await readOwn() : undefined) ?? (await adopt(deps, key, digest, kind));
  const found = await find();
  if (found === undefined) return undefined;
  await putLinks(deps.index, key, found);
  if ((await find()) !== undefined) return found[0];
  // The link was purged meanwhile, so it is removed from the index again.
  await deps.index.links.remove(key, digest);
  return undefined;
}

/** Returns whether the repository may serve the digest as a manifest. */
export function isHeldManifest(link: Link | undefined): link is Link {
  return link?.kind === 'manifest' && link.confirmed === true;
}

/** Resolves to the link if it is confirmed, in the index or in the store, else to `undefined`. */
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
 * Records that the upstream has confirmed the link. `size` is the size that the upstream reported, or `undefined`. It does not
 * replace a size from a manifest. `mayRestore` is true if it may replace a size that was removed because it may have been
 * wrong.
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
 * Records the confirmation in the store, from which a lost index is rebuilt. It does nothing while the store is unavailable.
 * Then the upstream gets one more request if the index loses its data.
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
  if (key.upstream !== adoptAs()) return undefined;
  const linkKey = kind === 'manifest' ? registryRevisionLinkKey : registryLayerLinkKey;
  if ((await store.readObject(linkKey(key.repository, digest))) === undefined) return undefined;
  return [{ upstream: key.upstream, repository: key.repository, digest, kind, confirmed: true }];
}

/**
 * Writes the links of a manifest into the index. The links of a large manifest are written in portions, because many links in
 * one write block the event loop, with SQLite as with Redis. The first of `links`, that of the manifest itself, is written
 * last. If a write fails, that link is missing, so all links are written again later.
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
