// Tag records: the digest that a tag had when its upstream last confirmed it. The freshness policy decides how long a
// record is fresh.
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
  /** Media type of the manifest, as the upstream sent it. */
  readonly mediaType: string;
  /** Size of the manifest in bytes. */
  readonly size: number;
  /** Grows by one with every change of `digest`; the first is 1. */
  readonly sequence: number;
  /**
   * Three times: when this cache first saw the tag, when `digest` last changed, and when an upstream last confirmed the
   * tag.
   */
  readonly firstSeenAtMs: number;
  readonly changedAtMs: number;
  readonly checkedAtMs: number;
  /** 0 until the first pull. */
  readonly lastPulledAtMs: number;
  readonly pulls: number;
  /** Time of the last attempt to revalidate, and the reason of its failure (`undefined` after a success). */
  readonly lastTriedAtMs: number;
  readonly lastFailure?: string | undefined;
  /** Text of the last `Warning` header that the upstream sent for this tag. */
  readonly warning?: string | undefined;
  /**
   * `adopted` means that the record was read from the files of another cache, and that no upstream has confirmed it
   * yet. `checkedAtMs` is then 0.
   */
  readonly origin: 'upstream' | 'adopted';
}

interface Page {
  /** Returns only names after this one, in byte order. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface TagIndex {
  get(key: TagKey, options?: ReadOptions): Promise<TagRecord | undefined>;
  /**
   * Returns the result of `get` if this process has it in memory. Its `pulls` and `lastPulledAtMs` may be older.
   * `undefined` means that the caller must use `get`. Makes no call and never throws.
   */
  fromMemory(key: TagKey): TagRecord | undefined;
  /**
   * Adds or replaces the record, but never moves `pulls` and `lastPulledAtMs` back. This is necessary because the
   * record may be from a revalidation that read it earlier, and pulls continue while it waits for the upstream.
   */
  put(record: TagRecord): Promise<void>;
  /**
   * Writes like `put`, but only if no other caller has confirmed, moved, added or removed the tag since `before` was
   * read. Otherwise writes nothing and returns false. `before` is `undefined` if the tag did not exist. Changes by
   * pulls are ignored.
   */
  replace(before: TagRecord | undefined, record: TagRecord): Promise<boolean>;
  /** Adds the record if there is none. Otherwise returns false and leaves the existing record unchanged. */
  adopt(record: TagRecord): Promise<boolean>;
  /**
   * Removes the tag. If `seen` is set, only if no other caller has confirmed or moved the tag since `seen` was read.
   * Changes by pulls are ignored. Returns false if nothing was removed.
   */
  remove(key: TagKey, seen?: TagRecord): Promise<boolean>;
  /**
   * Adds `pulls` (default 1) and moves `lastPulledAtMs` forward. Does nothing if there is no record. Reads through this
   * object include the change immediately. The write may happen up to a second later, so a crash may lose the pulls of
   * its last second.
   */
  recordPull(key: TagKey, atMs: number, pulls?: number): Promise<void>;
  /** Returns tags of one repository, in byte order of the tag. */
  list(upstream: string, repository: RepositoryName, page: Page): Promise<TagRecord[]>;
}

/** Pulls of a tag that are not in its record yet. */
export interface TagPulls {
  readonly count: number;
  readonly lastAtMs: number;
}

/**
 * Reports whether two records of a tag have the same last confirmation. Every confirmation changes one of these fields,
 * and pulls do not change them.
 */
export function isSameConfirmation(one: TagRecord | undefined, other: TagRecord | undefined): boolean {
  return one?.sequence === other?.sequence && one?.checkedAtMs === other?.checkedAtMs;
}
