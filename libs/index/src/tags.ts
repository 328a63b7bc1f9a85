// Tag records: which digest a tag named when an upstream was last asked. The freshness policy decides what one is worth.
import type { Digest, RepositoryName, Tag } from '@cistern/oci';
import type { ReadOptions } from './blobs.ts';

export interface TagKey {
  /** The upstream's name in the configured table, for example `docker.io`. */
  readonly upstream: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

export interface TagRecord extends TagKey {
  readonly schema: 1;
  readonly digest: Digest;
  /** Media type of the manifest, as upstream sent it. */
  readonly mediaType: string;
  /** Bytes of the manifest. */
  readonly size: number;
  /** Grows by one with every change of `digest`; the first is 1. */
  readonly sequence: number;
  /** When the tag was first seen here, when `digest` last changed, and when an upstream last confirmed it. */
  readonly firstSeenAtMs: number;
  readonly changedAtMs: number;
  readonly checkedAtMs: number;
  /** 0 until the first pull. */
  readonly lastPulledAtMs: number;
  readonly pulls: number;
  /** Of the last try to revalidate: when, and why it failed (`undefined`: it did not). */
  readonly lastTriedAtMs: number;
  readonly lastFailure?: string | undefined;
  /** Upstream's last `Warning` header about it, for people. */
  readonly warning?: string | undefined;
  /** `adopted`: read from another cache's files, never confirmed by an upstream (`checkedAtMs` is then 0). */
  readonly origin: 'upstream' | 'adopted';
}

interface Page {
  /** Only names after this one, in byte order. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface TagIndex {
  get(key: TagKey, options?: ReadOptions): Promise<TagRecord | undefined>;
  /**
   * What `get` would bring, if this process knows it without asking anybody; its pulls may be older. `undefined`: `get` it.
   * Throws nothing.
   */
  fromMemory(key: TagKey): TagRecord | undefined;
  /**
   * Adds or replaces, but never takes `pulls` and `lastPulledAtMs` back: pulls go on while a revalidation that read the
   * record before waits for upstream.
   */
  put(record: TagRecord): Promise<void>;
  /**
   * As `put`, if the tag is still as it was read (`undefined`: it was not there); pulls do not matter. False, and nothing is
   * written, if others have confirmed, moved, added or removed it since.
   */
  replace(before: TagRecord | undefined, record: TagRecord): Promise<boolean>;
  /** Adds where there is none; false if there is one, which stays as it is. */
  adopt(record: TagRecord): Promise<boolean>;
  /** With `seen`: only if the tag is still as it was read then; pulls do not matter. False if nothing was removed. */
  remove(key: TagKey, seen?: TagRecord): Promise<boolean>;
  /**
   * Adds to `pulls`, by default one, and moves `lastPulledAtMs` forward; a no-op without a record. Seen by this index at once;
   * may be written up to a second later, so a crash may lose the pulls of its last second.
   */
  recordPull(key: TagKey, atMs: number, pulls?: number): Promise<void>;
  /** Tags of one repository, in byte order of the tag. */
  list(upstream: string, repository: RepositoryName, page: Page): Promise<TagRecord[]>;
}

/** Pulls of a tag that its record does not count yet. */
export interface TagPulls {
  readonly count: number;
  readonly lastAtMs: number;
}

/** Whether a tag is still as it was read. Every confirmation changes one of these, and nothing else does. */
export function isSameConfirmation(one: TagRecord | undefined, other: TagRecord | undefined): boolean {
  return one?.sequence === other?.sequence && one?.checkedAtMs === other?.checkedAtMs;
}
