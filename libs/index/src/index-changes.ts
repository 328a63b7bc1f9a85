// What is said when a record has changed that other processes may remember: its name, so that they forget it. Whoever
// writes into an index that processes share says it, after the write.
import type { Digest } from '@cistern/oci';
import type { RepositoryKey } from './links.ts';
import { repositoryPath } from './repository-path.ts';
import type { TagKey } from './tags.ts';

/** Messages are names, one a line; no name holds a line break. */
export const changesTopic = 'index-changes';

export function tagName(key: TagKey): string {
  return `tag ${repositoryPath(key)}:${key.tag}`;
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
