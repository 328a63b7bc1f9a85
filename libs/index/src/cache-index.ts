// The index holds the records of tags, manifests, blobs, links and fills in flight. It can be rebuilt from the store.
// Every method rejects with CacheError `index-unavailable` if the index cannot answer. A missing record is not an
// error, but `undefined` or `false`.
import type { LogWithOutages } from '@cistern/telemetry';
import type { AuditIndex } from './audit.ts';
import type { BlobIndex, ManifestIndex } from './blobs.ts';
import type { FillIndex } from './fills.ts';
import type { LeaseIndex } from './leases.ts';
import type { LinkIndex } from './links.ts';
import type { NodeIndex } from './nodes.ts';
import type { PopularityIndex } from './popularity.ts';
import type { TagIndex } from './tags.ts';

export interface CacheIndex {
  readonly tags: TagIndex;
  readonly manifests: ManifestIndex;
  readonly blobs: BlobIndex;
  readonly links: LinkIndex;
  readonly fills: FillIndex;
  readonly leases: LeaseIndex;
  readonly values: ValueIndex;
  readonly popularity: PopularityIndex;
  readonly nodes: NodeIndex;
  readonly audit: AuditIndex;
  readonly epoch: EpochIndex;
  readonly pubsub: PubSub;
  /**
   * Returns milliseconds since 1970 by a clock that is common to all processes that share this index. Use it for times
   * that other processes compare, because the clocks of machines differ. Makes no call and never throws.
   */
  now(): number;
  /** Sends a query for a health check. Rejects with `index-unavailable` if the index cannot answer. */
  check(): Promise<void>;
  /**
   * Tries whether the index takes new records. Resolves to the reason if its memory or its disk is full. Reads and reports of nodes
   * work then. Rejects with `index-unavailable` for other failures.
   */
  findFull(): Promise<string | undefined>;
  close(): Promise<void>;
}

/**
 * Publish and subscribe. Messages wake callers that wait for a change of a record. A message may be lost or delivered
 * twice, so no caller may depend on its delivery.
 */
export interface PubSub {
  /** `message` has at most a few hundred bytes. An empty message is delivered as `undefined`. */
  publish(topic: string, message?: string): Promise<void>;
  /**
   * Calls `listener` after each message on `topic`. Calls it with `undefined` after every reconnect and whenever
   * messages may have been missed. Resolves when the subscription is active, to a function that ends the subscription.
   * `publish` never calls a listener synchronously. An error of one listener does not affect other listeners.
   */
  subscribe(topic: string, listener: (message: string | undefined) => void): Promise<() => void>;
}

/**
 * Detects that the index has lost data, for example by FLUSHALL or because a Redis server was replaced. After a loss,
 * claims wait until the owners of fills in flight have restored their records. All other records are rebuilt from the
 * store.
 */
export interface EpochIndex {
  /**
   * Reports whether the index is complete: a rebuild from the store has ended, and nothing was lost after it began.
   * Only if this is true before and after a read, a record that the read did not find is known not to exist.
   */
  isComplete(): Promise<boolean>;
  /**
   * Returns the name of the current epoch, which is the time since the last loss. A rebuild reads the name before it
   * begins, and passes it to `markComplete`. The wait of claims after a loss begins with the first call of this method,
   * or with the first claim.
   */
  current(): Promise<string>;
  /**
   * Returns the marks that rebuilds have set in this epoch. Marks are lost with the data, so a new epoch has no marks.
   */
  marks(epoch: string): Promise<ReadonlySet<string>>;
  /** Returns whether `marks` has the mark. */
  hasMark(epoch: string, name: string): Promise<boolean>;
  /** Sets a mark and keeps it for at least a week. */
  mark(epoch: string, name: string): Promise<void>;
  /**
   * Marks the index as complete. Returns false if data was lost after `current` returned `epoch`. The index is then not
   * complete.
   */
  markComplete(epoch: string): Promise<boolean>;
}

/**
 * Small values that processes share for a limited time, such as an upstream's token. Callers must encrypt secrets, so
 * that the index contains no secret in clear text.
 */
export interface ValueIndex {
  get(name: string): Promise<string | undefined>;
  /** Adds or replaces the value, which expires after `ttlMs`. A value has at most a few KiB. */
  put(name: string, value: string, ttlMs: number): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The part of a logger that the index needs. Fields come first, then a constant message. */
export interface IndexLog extends LogWithOutages {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
