// The parts of a cached index that remember records: blobs, manifests, links and tags.
import type { Digest } from '@cistern/oci';
import type { BlobIndex, BlobRecord, ManifestIndex, ManifestRecord, ReadOptions } from '../blobs.ts';
import { touchedBlob, blobName, checkLinksOf, linkName, manifestName, tagName, withPulls } from '../records.ts';
import type { Link, LinkIndex, RepositoryKey } from '../links.ts';
import type { TagIndex, TagRecord } from '../tags.ts';
import type { Memory } from './create-memory.ts';

export function createCachedBlobs(inner: BlobIndex, { remember }: Memory): BlobIndex {
  const entries = remember<BlobRecord>(mergeBlobs);
  return {
    ...inner,
    get: (digest, options) => entries.read(blobName(digest), () => inner.get(digest), options),
    fromMemory: (digest) => entries.fromMemory(blobName(digest)),
    put: (record) => entries.put(blobName(record.digest), record, () => inner.put(record)),
    adopt: (record) => entries.adopt(blobName(record.digest), record, () => inner.adopt(record)),
    markVerified(digest, table) {
      const name = blobName(digest);
      return entries.write(
        [name],
        () => inner.markVerified(digest, table),
        () => entries.rewrite(name, (record) => ({ ...record, verified: true, table: table ?? record.table })),
      );
    },
    touch: (digest, atMs) =>
      entries.change(
        blobName(digest),
        () => inner.touch(digest, atMs),
        (record) => touchedBlob(record, atMs),
      ),
    remove: (digest, storedAtMs) => entries.remove(blobName(digest), () => inner.remove(digest, storedAtMs)),
  };
}

/**
 * Returns the record to remember for `record`, which could not be written. The first parameter is the remembered
 * record.
 */
function mergeBlobs({ lastPulledAtMs }: BlobRecord, record: BlobRecord): BlobRecord {
  return { ...record, lastPulledAtMs: Math.max(lastPulledAtMs, record.lastPulledAtMs) };
}

export function createCachedManifests(inner: ManifestIndex, { remember }: Memory): ManifestIndex {
  const entries = remember<ManifestRecord>();
  return {
    get: (digest) => entries.read(manifestName(digest), () => inner.get(digest)),
    put: (record) => entries.put(manifestName(record.digest), record, () => inner.put(record)),
    remove: (digest) => entries.remove(manifestName(digest), () => inner.remove(digest)),
  };
}

export function createCachedLinks(inner: LinkIndex, { remember }: Memory): LinkIndex {
  const entries = remember<Link>();
  async function get(key: RepositoryKey, digest: Digest, options?: ReadOptions): Promise<Link | undefined> {
    return entries.read(linkName(key, digest), () => inner.get(key, digest), options);
  }

  return {
    ...inner,
    get,
    fromMemory: (key, digest) => entries.fromMemory(linkName(key, digest)),
    async put(key, links) {
      checkLinksOf(key, links);
      await entries.write(
        links.map(({ digest }) => linkName(key, digest)),
        () => inner.put(key, links),
        () => {
          for (const link of links) entries.keep(linkName(key, link.digest), link);
        },
      );
    },
    remove: (key, digest) => entries.remove(linkName(key, digest), () => inner.remove(key, digest)),
    async holders(upstreams, repository, digest) {
      const links = await Promise.all(upstreams.map((upstream) => get({ upstream, repository }, digest)));
      return links.filter((link) => link !== undefined);
    },
  };
}

export function createCachedTags(inner: TagIndex, { remember }: Memory): TagIndex {
  const entries = remember<TagRecord>(mergeTags);
  return {
    ...inner,
    get: (key, options) => entries.read(tagName(key), () => inner.get(key), options),
    fromMemory: (key) => entries.fromMemory(tagName(key)),
    put: (record) => entries.put(tagName(record), record, () => inner.put(record)),
    replace: (before, record) =>
      entries.write(
        [tagName(record)],
        () => inner.replace(before, record),
        () => {
          entries.keep(tagName(record), record);
          return true;
        },
      ),
    adopt: (record) => entries.adopt(tagName(record), record, () => inner.adopt(record)),
    remove: (key, seen) => entries.remove(tagName(key), () => inner.remove(key, seen)),
    recordPull: (key, atMs, pulls = 1) =>
      entries.change(
        tagName(key),
        () => inner.recordPull(key, atMs, pulls),
        (record) => withPulls(record, { count: pulls, lastAtMs: atMs }),
      ),
  };
}

/**
 * Returns the record to remember for `record`, which could not be written. The first parameter is the remembered
 * record.
 */
function mergeTags({ pulls, lastPulledAtMs }: TagRecord, record: TagRecord): TagRecord {
  return {
    ...record,
    pulls: Math.max(pulls, record.pulls),
    lastPulledAtMs: Math.max(lastPulledAtMs, record.lastPulledAtMs),
  };
}
