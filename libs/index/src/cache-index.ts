// The index holds tags, manifests, blobs, links and fills in flight. It can be rebuilt from the store. Every method
// rejects with CacheError `index-unavailable` when the index cannot answer; "not found" is a value.
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
   * Returns milliseconds since the epoch by the one clock of all processes that share this index. Stamps that other
   * processes compare use this clock, because machine clocks differ. Makes no call and never throws.
   */
  now(): number;
  /** Rejects with `index-unavailable` if the index cannot answer now. Health checks use it. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Publish and subscribe. Messages wake callers that wait for a record to change. A message may be lost or delivered
 * twice, so nothing may depend on one.
 */
export interface PubSub {
  /** `message` has at most a few hundred bytes. An empty message is delivered as `undefined`. */
  publish(topic: string, message?: string): Promise<void>;
  /**
   * Calls `listener` after each message on `topic`. Calls it with `undefined` after every reconnect and whenever
   * messages may have been missed. Resolves once the subscription is active; the returned function ends it. `publish`
   * never calls a listener synchronously. A listener that throws does not affect the others.
   */
  subscribe(topic: string, listener: (message: string | undefined) => void): Promise<() => void>;
}

/**
 * Tracks the losses of the index, as far as it knows them. An index that lost its data (FLUSHALL, a lost server)
 * differs from a new one. Owners of fills in flight restore their records before a claim succeeds, and the rest is
 * rebuilt.
 */
export interface EpochIndex {
  /**
   * Reports whether a rebuild from the store has ended and nothing was lost since. A record that a read did not find is
   * known to be absent only if this holds before and after the read.
   */
  isComplete(): Promise<boolean>;
  /**
   * Returns a name for the time since the last loss, for `markComplete`. A rebuild reads it before it begins. Claims
   * that wait after that loss count from the first call of this method, or from the first of those claims.
   */
  current(): Promise<string>;
  /**
   * Returns the marks that rebuilds have set in this epoch. Marks are lost with the data, so a new epoch starts without
   * any.
   */
  marks(epoch: string): Promise<ReadonlySet<string>>;
  /** Sets a mark and keeps it for at least a week. */
  mark(epoch: string, name: string): Promise<void>;
  /** Returns false if something was lost after `epoch` was read. The index is then not complete. */
  markComplete(epoch: string): Promise<boolean>;
}

/**
 * Small values that processes share for a while, such as an upstream's token. Callers seal secrets before they put
 * them, so the index never sees a secret in clear.
 */
export interface ValueIndex {
  get(name: string): Promise<string | undefined>;
  /** Adds or replaces the value, which expires after `ttlMs`. A value has at most a few KiB. */
  put(name: string, value: string, ttlMs: number): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The part of a logger that the index needs. Fields come first, then a constant message. */
export interface IndexLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
