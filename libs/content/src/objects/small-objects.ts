// Reads and writes the small JSON objects from which the index can be rebuilt. Each tag has one, each manifest of a repository
// has one, and each blob that the repository's upstream has confirmed has one. A change is written to the object first, then to
// the index.
import {
  type BlobStore,
  heldObjectKey,
  linksObjectKey,
  linksObjectsOf,
  parseLinksObjectKey,
  tagObjectKey,
} from '@cistern/blob-store';
import type { CacheIndex, Link, RepositoryKey, TagKey, TagRecord } from '@cistern/index';
import { type Digest, isDigest, maxManifestChildren } from '@cistern/oci';

interface TagObject {
  readonly schema: 1;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly sequence: number;
  readonly changedAtMs: number;
}

interface LinksObject {
  readonly schema: 1;
  readonly mediaType: string;
  readonly size: number;
  readonly platform?: string | undefined;
  /** When the upstream sent the manifest. Unset in objects of older releases. */
  readonly writtenAtMs?: number;
  /** The manifest's children, in the order of the manifest. */
  readonly children: readonly Pick<Link, 'digest' | 'kind' | 'size' | 'mediaType' | 'platform'>[];
}

export async function writeTagObject(store: BlobStore, record: TagRecord): Promise<void> {
  const { digest, mediaType, size, sequence, changedAtMs } = record;
  const object: TagObject = { schema: 1, digest, mediaType, size, sequence, changedAtMs };
  await writeJsonObject(store, tagObjectKey(record), object);
}

/**
 * Reads a tag object. The resulting record is stale, because the object has no time of confirmation. Resolves to `undefined` if
 * there is no such object.
 */
export async function readTagObject(store: BlobStore, key: TagKey, nowMs: number): Promise<TagRecord | undefined> {
  const value = await readJsonObject<TagObject>(store, tagObjectKey(key));
  if (value === undefined || !isDigest(value.digest)) return undefined;
  const { digest, mediaType, size, sequence, changedAtMs } = value;
  return unconfirmedTag(key, { digest, mediaType, size, sequence, changedAtMs, origin: 'upstream' }, nowMs);
}

/** Resolves to the record of a tag from the index, else from the tag object. */
export async function findTag(
  {
    index,
    store,
    now,
  }: { readonly index: Pick<CacheIndex, 'tags'>; readonly store: BlobStore; readonly now: () => number },
  key: TagKey,
): Promise<TagRecord | undefined> {
  return (await index.tags.get(key)) ?? readTagObject(store, key, now());
}

/** Returns the record of a tag whose last confirmation by the upstream is unknown. */
export function unconfirmedTag(
  key: TagKey,
  known: Pick<TagRecord, 'digest' | 'mediaType' | 'size' | 'sequence' | 'changedAtMs' | 'origin'>,
  nowMs: number,
): TagRecord {
  const never = { checkedAtMs: 0, lastPulledAtMs: 0, pulls: 0, lastTriedAtMs: 0 };
  return { ...key, schema: 1, ...known, firstSeenAtMs: nowMs, ...never };
}

/**
 * Writes the links object of a manifest. `links[0]` is the link of the manifest itself, and the others are those of its
 * children.
 */
export async function writeLinksObject(
  store: BlobStore,
  key: RepositoryKey,
  links: readonly Link[],
  writtenAtMs: number,
): Promise<void> {
  const [manifest, ...children] = links;
  if (manifest === undefined) return;
  await writeJsonObject(store, linksObjectKey(key.upstream, key.repository, manifest.digest), {
    schema: 1,
    mediaType: manifest.mediaType ?? '',
    size: manifest.size ?? 0,
    platform: manifest.platform,
    writtenAtMs,
    children: children.map(toChild),
  } satisfies LinksObject);
}

function toChild({ digest, kind, size, mediaType, platform }: Link): LinksObject['children'][number] {
  return { digest, kind, size, mediaType, platform };
}

/**
 * Reads the links object of a manifest, with the link of the manifest first. Resolves to `undefined` if there is no such
 * object. Children beyond `mostChildren` are left out. Objects of older releases may have more.
 */
export async function readLinksObject(
  store: BlobStore,
  key: RepositoryKey,
  digest: Digest,
  mostChildren: number = maxManifestChildren,
): Promise<readonly Link[] | undefined> {
  return (await readDatedLinks(store, key, digest, mostChildren))?.links;
}

export interface DatedLinks {
  /** The link of the manifest itself, then the links of its children. */
  readonly links: readonly [Link, ...Link[]];
  /** When the object was written. 0 if the object does not have that time. */
  readonly writtenAtMs: number;
}

/** Works like `readLinksObject`, and also returns when the object was written. */
export async function readDatedLinks(
  store: BlobStore,
  key: RepositoryKey,
  digest: Digest,
  mostChildren = Infinity,
): Promise<DatedLinks | undefined> {
  const value = await readJsonObject<LinksObject>(store, linksObjectKey(key.upstream, key.repository, digest));
  if (value === undefined || !Array.isArray(value.children)) return undefined;
  const { upstream, repository } = key;
  const { size, mediaType, platform, writtenAtMs = 0 } = value;
  const links: DatedLinks['links'] = [
    // The manifest came from the repository's own upstream, so its link is confirmed.
    { upstream, repository, digest, kind: 'manifest', size, mediaType, platform, confirmed: true },
    ...value.children
      .slice(0, mostChildren)
      .filter((child) => isDigest(child.digest))
      .map((child) => ({ upstream, repository, ...child, platform: child.platform })),
  ];
  return { links, writtenAtMs };
}

export async function writeHeldObject(store: BlobStore, key: RepositoryKey, digest: Digest): Promise<void> {
  await writeJsonObject(store, heldObjectKey(key.upstream, key.repository, digest), { schema: 1 });
}

/** Resolves to true if the repository's upstream has ever confirmed that the repository holds the blob. */
export async function hasHeldObject(store: BlobStore, key: RepositoryKey, digest: Digest): Promise<boolean> {
  return (await readJsonObject(store, heldObjectKey(key.upstream, key.repository, digest))) !== undefined;
}

/**
 * Lists the digests of manifests of the repository, in no particular order. It stops after `most` objects. These may include
 * objects of repositories below it, whose manifests are not returned.
 */
export async function* listLinksObjects(
  store: BlobStore,
  { upstream, repository }: RepositoryKey,
  most: number,
): AsyncGenerator<Digest> {
  let objects = 0;
  for await (const key of store.listObjects(linksObjectsOf(upstream, repository))) {
    const parsed = parseLinksObjectKey(key);
    if (parsed?.repository === repository) yield parsed.digest;
    objects += 1;
    if (objects >= most) return;
  }
}

export async function writeJsonObject(
  store: Pick<BlobStore, 'writeObject'>,
  key: string,
  value: object,
): Promise<void> {
  await store.writeObject(key, Buffer.from(`${JSON.stringify(value)}\n`));
}

/**
 * Reads a JSON object. Invalid JSON, or an object of another schema, counts as missing, because its content can be fetched
 * again.
 */
export async function readJsonObject<T extends { readonly schema: 1 }>(
  store: Pick<BlobStore, 'readObject'>,
  key: string,
): Promise<T | undefined> {
  const bytes = await store.readObject(key);
  if (bytes === undefined) return undefined;
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
    return value.schema === 1 ? value : undefined;
  } catch {
    return undefined;
  }
}
