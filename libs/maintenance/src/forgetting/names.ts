// Defines the names that the cache keeps: tags, and manifests of repositories. A name is cached while its manifest is
// stored.
import { type ImageName, parseTagObjectKey, tagObjectsPrefix } from '@cistern/blob-store';
import {
  type DatedLinks,
  type IndexAndStore,
  isHeldManifest,
  listPins,
  readDatedLinks,
  readTagObject,
} from '@cistern/content';
import { type RepositoryKey, type TagKey, type TagRecord, tagPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { createPinnedDigests } from '../eviction/create-pinned-digests.ts';

export interface ForgettingDeps extends IndexAndStore {
  /** The upstream from which a registry:2 cache fetched the files that it left in the store. */
  readonly adoptAs: () => string | undefined;
  readonly forgetAfterMs: number;
  readonly log: Logger;
  readonly now: () => number;
}

/** A pass under way. */
export interface ForgettingPass extends ForgettingDeps {
  readonly pinned: Pinned;
  readonly signal: AbortSignal;
  /** Runs `action`, and resolves even if it fails to read or remove one object. */
  readonly tolerate: (action: () => Promise<void>) => Promise<void>;
}

/** Names that pins protect. */
export interface Pinned {
  readonly tags: ReadonlySet<string>;
  readonly digests: ReadonlySet<Digest>;
}

/** Rejects with `store-unavailable` or `index-unavailable`. */
export async function readPinned(deps: ForgettingDeps): Promise<Pinned> {
  const pins = await listPins(deps.store);
  const tags = pins.flatMap(({ upstream, repository, reference }: ImageName) =>
    reference.kind === 'tag' ? [tagPath({ upstream, repository, tag: reference.tag })] : [],
  );
  return { tags: new Set(tags), digests: await createPinnedDigests(deps)(pins) };
}

/** Yields all tags of the store. Usually the index has no others. */
export async function* storedTags({ store }: ForgettingDeps): AsyncGenerator<TagKey> {
  for await (const objectKey of store.listObjects(tagObjectsPrefix)) {
    const key = parseTagObjectKey(objectKey);
    if (key !== undefined) yield key;
  }
}

export interface TagName {
  /** `undefined` means that only the store knows the tag. */
  readonly record: TagRecord | undefined;
  /** When the name was last confirmed, or `cached` if its manifest is stored or it is pinned. */
  readonly confirmed: 'cached' | { readonly atMs: number };
}

export async function readTagName({ index, store, pinned, now }: ForgettingPass, key: TagKey): Promise<TagName> {
  const record = await index.tags.get(key, { fresh: true });
  const known = record ?? (await readTagObject(store, key, now()));
  if (known === undefined) return { record, confirmed: { atMs: 0 } };
  const isHere =
    pinned.tags.has(tagPath(key)) ||
    pinned.digests.has(known.digest) ||
    (await index.blobs.get(known.digest)) !== undefined;
  return { record, confirmed: isHere ? 'cached' : { atMs: Math.max(known.checkedAtMs, known.changedAtMs) } };
}

export interface ManifestName {
  readonly digest: Digest;
  /** `cached` if the manifest is stored or pinned; otherwise its links and the time when the upstream returned it. */
  readonly confirmed: 'cached' | DatedLinks;
}

/** Returns `undefined` if the repository does not hold the digest as a manifest. */
export async function readManifestName(
  { index, store, pinned }: ForgettingPass,
  key: RepositoryKey,
  digest: Digest,
): Promise<ManifestName | undefined> {
  const link = await index.links.get(key, digest);
  if (!isHeldManifest(link)) return undefined;
  if (pinned.digests.has(digest) || (await index.blobs.get(digest)) !== undefined)
    return { digest, confirmed: 'cached' };
  return { digest, confirmed: (await readDatedLinks(store, key, digest)) ?? { links: [link], writtenAtMs: 0 } };
}
