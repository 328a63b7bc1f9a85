// Tag records: the digest that a tag named at the last check with its upstream. The freshness policy decides how long a
// record is good.
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
  /** Size of the manifest in bytes. */
  readonly size: number;
  /** Grows by one with every change of `digest`; the first is 1. */
  readonly sequence: number;
  /**
   * Time when this cache first saw the tag, time when `digest` last changed, and time when an upstream last confirmed
   * the tag.
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
  /** The upstream's last `Warning` header for this tag, a text for operators and users. */
  readonly warning?: string | undefined;
  /**
   * `adopted` means that the record was read from another cache's files and never confirmed by an upstream;
   * `checkedAtMs` is then 0.
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
   * Returns the result of `get` if this process has it in memory; its pulls may be older. `undefined` means that the
   * caller must use `get`. Makes no call and never throws.
   */
  fromMemory(key: TagKey): TagRecord | undefined;
  /**
   * Adds or replaces the record, but never moves `pulls` and `lastPulledAtMs` back. Pulls continue while a
   * revalidation, which read the record earlier, waits for the upstream.
   */
  put(record: TagRecord): Promise<void>;
  /**
   * Writes like `put`, if the tag is still as it was read in `before` (`undefined`: the tag did not exist). Pulls do
   * not matter. Returns false and writes nothing if another caller has confirmed, moved, added or removed the tag
   * since.
   */
  replace(before: TagRecord | undefined, record: TagRecord): Promise<boolean>;
  /** Adds the record if there is none. Otherwise returns false and leaves the existing record unchanged. */
  adopt(record: TagRecord): Promise<boolean>;
  /**
   * With `seen`, removes the tag only if it is still as it was read then; pulls do not matter. Returns false if nothing
   * was removed.
   */
  remove(key: TagKey, seen?: TagRecord): Promise<boolean>;
  /**
   * Adds `pulls` (default 1) and moves `lastPulledAtMs` forward; does nothing without a record. This index sees the
   * change immediately. The write may happen up to a second later, so a crash may lose the pulls of its last second.
   */
  recordPull(key: TagKey, atMs: number, pulls?: number): Promise<void>;
  /** Returns tags of one repository, in byte order of the tag. */
  list(upstream: string, repository: RepositoryName, page: Page): Promise<TagRecord[]>;
}

/** Pulls of a tag that its record does not include yet. */
export interface TagPulls {
  readonly count: number;
  readonly lastAtMs: number;
}

/**
 * Reports whether a tag is still as it was read. Every confirmation changes one of these fields, and nothing else does.
 */
export function isSameConfirmation(one: TagRecord | undefined, other: TagRecord | undefined): boolean {
  return one?.sequence === other?.sequence && one?.checkedAtMs === other?.checkedAtMs;
}
