// Divides a rebuild into parts that workers process in parallel, each part once. Each item of a part is an object of
// the store. A rebuild adds missing records, and keeps existing records because they are newer.
import { createHash } from 'node:crypto';
import {
  heldObjectsPrefix,
  linksObjectsPrefix,
  parseHeldObjectKey,
  parseLinksObjectKey,
  parseTagObjectKey,
  tagObjectsPrefix,
} from '@cistern/blob-store';
import {
  adoptBlob,
  adoptedRecord,
  confirmLink,
  hasHeldObject,
  type IndexAndStore,
  isEmptied,
  isHeldManifest,
  putLinks,
  readLinksObject,
  readTagObject,
} from '@cistern/content';
import { type RepositoryKey, shardAt, shardCount } from '@cistern/index';
import type { Digest } from '@cistern/oci';

export interface PartDeps extends IndexAndStore {
  readonly now: () => number;
  /** True if links objects must be read even if the index knows their manifests. */
  readonly readsAll: boolean;
  readonly count: (kind: 'blobs' | 'blobsAdded' | 'manifests' | 'tags' | 'tagsAdded') => void;
}

export interface RebuildItem {
  /** A digest, or the key of a small object. */
  readonly name: string;
  /** The repository of a links object. */
  readonly repository?: RepositoryKey;
  /** Adds the missing records. Safe to repeat. */
  readonly adopt: () => Promise<void>;
}

export interface RebuildPart {
  readonly name: string;
  /** All parts of one step finish before the next step begins. */
  readonly step: 'blobs' | 'links' | 'held' | 'tags';
  readonly items: (deps: PartDeps) => AsyncIterable<RebuildItem>;
}

const shards = Array.from({ length: shardCount }, (_, position) => shardAt(position));
/**
 * Number of parts of a step for small objects. Each part lists the keys of all parts and processes only its own,
 * because a listing takes a thousandth of the time of reading.
 */
const nameParts = 8;

/**
 * All parts, in the order of their steps. Blobs come first, because a manifest's record implies that its blob is in the
 * store. Held objects come after links objects, because they confirm links.
 */
export const rebuildParts: readonly RebuildPart[] = [
  ...shards.map((shard): RebuildPart => ({
    name: `blobs/${shard}`,
    step: 'blobs',
    items: (deps) => blobItems(deps, shard),
  })),
  ...partsOfNames('links', linksObjectsPrefix, linksItem),
  ...partsOfNames('held', heldObjectsPrefix, heldItem),
  ...partsOfNames('tags', tagObjectsPrefix, tagItem),
];

type ItemOf = (deps: PartDeps, objectKey: string) => Omit<RebuildItem, 'name'> | undefined;

function partsOfNames(step: RebuildPart['step'], prefix: string, itemOf: ItemOf): RebuildPart[] {
  return Array.from({ length: nameParts }, (_, number) => ({
    name: `${prefix}${number}`,
    step,
    async *items(deps: PartDeps) {
      for await (const objectKey of deps.store.listObjects(prefix)) {
        if (numberOf(objectKey) !== number) continue;
        const item = itemOf(deps, objectKey);
        if (item !== undefined) yield { name: objectKey, ...item };
      }
    },
  }));
}

function numberOf(objectKey: string): number {
  return createHash('sha1').update(objectKey).digest()[0]! % nameParts;
}

/**
 * Yields the blobs of the store's listing. Their origin is unknown, so the next read of a whole blob verifies it. A
 * manifest that names a blob does not prove that Cistern fetched it, because manifests of other caches name it too.
 */
async function* blobItems(deps: PartDeps, shard: string): AsyncGenerator<RebuildItem> {
  for await (const blob of deps.store.list(shard))
    yield {
      name: blob.digest,
      async adopt() {
        const isBlob = !isEmptied(blob.digest, blob.size);
        if (isBlob && (await adoptBlob(deps, adoptedRecord(blob, deps.now())))) deps.count('blobsAdded');
        deps.count('blobs');
      },
    };
}

function linksItem(deps: PartDeps, objectKey: string): ReturnType<ItemOf> {
  const key = parseLinksObjectKey(objectKey);
  if (key === undefined) return undefined;
  return { repository: key, adopt: () => adoptManifest(deps, key, key.digest) };
}

/** Adds links and the manifest's record from a links object. */
async function adoptManifest(deps: PartDeps, key: RepositoryKey, digest: Digest): Promise<void> {
  const { index, store, now, readsAll, count } = deps;
  const known = await index.links.get(key, digest, { fresh: true });
  // A manifest's own link is written after the links of its children, so it shows that all of them exist.
  const isKnown = isHeldManifest(known) && !readsAll;
  const links = isKnown ? [known] : await readLinksObject(store, key, digest);
  const manifest = links?.[0];
  if (links === undefined || manifest === undefined) return;
  count('manifests');
  if (!isKnown) {
    await putLinks(index, key, links);
    if ((await readLinksObject(store, key, digest)) === undefined) {
      // The manifest was purged or forgotten meanwhile.
      await index.links.remove(key, digest);
      return;
    }
  }
  const { mediaType, size } = manifest;
  if (!mediaType || size === undefined) return;
  if ((await index.blobs.get(digest)) === undefined || (await index.manifests.get(digest)) !== undefined) return;
  await index.manifests.put({ schema: 1, digest, mediaType, size, storedAtMs: now() });
}

/** Confirms the link of a held object. The link stays confirmed even if no manifest names the blob any more. */
function heldItem({ index, store }: PartDeps, objectKey: string): ReturnType<ItemOf> {
  const key = parseHeldObjectKey(objectKey);
  if (key === undefined) return undefined;
  return {
    async adopt() {
      const { digest } = key;
      if ((await index.links.get(key, digest))?.confirmed === true) return;
      await confirmLink({ index }, key, digest);
      if (!(await hasHeldObject(store, key, digest))) await index.links.remove(key, digest);
    },
  };
}

/** Adds the record of a tag. The record is due, so the next pull confirms it with the upstream. */
function tagItem({ index, store, now, count }: PartDeps, objectKey: string): ReturnType<ItemOf> {
  const key = parseTagObjectKey(objectKey);
  if (key === undefined) return undefined;
  return {
    async adopt() {
      count('tags');
      if ((await index.tags.get(key)) !== undefined) return;
      const record = await readTagObject(store, key, now());
      if (record === undefined || !(await index.tags.adopt(record))) return;
      if ((await readTagObject(store, key, now())) !== undefined) count('tagsAdded');
      else await index.tags.remove(key, record);
    },
  };
}
