// The records of the index as values: their names, and how touches and pulls change them. The index orders and pages by the names
// of repositories, and announces the names of changed records.
import type { Digest, RepositoryName } from '@cistern/oci';
import type { BlobRecord } from './blobs.ts';
import type { Link, RepositoryKey } from './links.ts';
import type { TagKey, TagPulls, TagRecord } from './tags.ts';

/** `<upstream>/<repository>`; an upstream's name never holds a slash. */
export function repositoryPath({ upstream, repository }: RepositoryKey): string {
  return `${upstream}/${repository}`;
}

/** The reverse of `repositoryPath`, for paths it has made. */
export function repositoryKeyOf(path: string): RepositoryKey {
  const slash = path.indexOf('/');
  return { upstream: path.slice(0, slash), repository: path.slice(slash + 1) as RepositoryName };
}

/** `<upstream>/<repository>:<tag>`; a tag never holds a colon. */
export function tagPath(key: TagKey): string {
  return `${repositoryPath(key)}:${key.tag}`;
}

export function isSameRepository(a: RepositoryKey, b: RepositoryKey): boolean {
  return a.upstream === b.upstream && a.repository === b.repository;
}

/** Throws `TypeError` if a link is not of the repository it is put under. */
export function checkLinksOf(key: RepositoryKey, links: readonly Link[]): void {
  const stray = links.find((link) => repositoryPath(link) !== repositoryPath(key));
  if (stray) throw new TypeError(`a link of ${repositoryPath(stray)} was put under ${repositoryPath(key)}`);
}

/**
 * A process that writes into a shared index announces here which records have changed, after the write, so that others forget them.
 * Messages are names of records, one a line; no name holds a line break.
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

/** The record after a touch at that time. */
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
