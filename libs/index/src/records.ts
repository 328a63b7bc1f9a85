// Names of the index's records, and the changes of records by touches and pulls. The index orders its lists by these
// names, and announces the names of changed records.
import type { Digest, RepositoryName } from '@cistern/oci';
import type { BlobRecord } from './blobs.ts';
import type { Link, RepositoryKey } from './links.ts';
import type { TagKey, TagPulls, TagRecord } from './tags.ts';

/** Returns `<upstream>/<repository>`. An upstream's name never contains a slash. */
export function repositoryPath({ upstream, repository }: RepositoryKey): string {
  return `${upstream}/${repository}`;
}

/** Reverses `repositoryPath`. */
export function repositoryKeyOf(path: string): RepositoryKey {
  const slash = path.indexOf('/');
  return { upstream: path.slice(0, slash), repository: path.slice(slash + 1) as RepositoryName };
}

/** Returns `<upstream>/<repository>:<tag>`. A tag never contains a colon. */
export function tagPath(key: TagKey): string {
  return `${repositoryPath(key)}:${key.tag}`;
}

export function isSameRepository(a: RepositoryKey, b: RepositoryKey): boolean {
  return a.upstream === b.upstream && a.repository === b.repository;
}

/** Throws `TypeError` if a link belongs to another repository than `key`. */
export function checkLinksOf(key: RepositoryKey, links: readonly Link[]): void {
  const stray = links.find((link) => repositoryPath(link) !== repositoryPath(key));
  if (stray) throw new TypeError(`a link of ${repositoryPath(stray)} was put under ${repositoryPath(key)}`);
}

/**
 * Topic of changes. After each write, a process announces the changed records, so that other processes drop these
 * records from memory. A message contains record names, one in each line. A name never contains a line break.
 */
export const changesTopic = 'index-changes';

export function tagName(key: TagKey): string {
  return `tag ${tagPath(key)}`;
}

export function linkName(key: RepositoryKey, digest: Digest): string {
  return `link ${repositoryPath(key)}@${digest}`;
}

export function manifestName(digest: Digest): string {
  return `manifest ${digest}`;
}

export function blobName(digest: Digest): string {
  return `blob ${digest}`;
}

/** Returns the record after a touch at `atMs`. */
export function touchedBlob(record: BlobRecord, atMs: number): BlobRecord {
  return { ...record, lastPulledAtMs: Math.max(record.lastPulledAtMs, atMs) };
}

export function withPulls(record: TagRecord, { count, lastAtMs }: TagPulls): TagRecord {
  return { ...record, pulls: record.pulls + count, lastPulledAtMs: Math.max(record.lastPulledAtMs, lastAtMs) };
}

export function sumOfPulls(one: TagPulls | undefined, { count, lastAtMs }: TagPulls): TagPulls {
  return one === undefined
    ? { count, lastAtMs }
    : { count: one.count + count, lastAtMs: Math.max(one.lastAtMs, lastAtMs) };
}
