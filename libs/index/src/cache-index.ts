// The index: tags, manifests, blobs, links and fills in flight. It can be rebuilt from the store. Every method rejects
// with CacheError `index-unavailable` when the index cannot answer; "not found" is a value.
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
   * Milliseconds since the epoch, by the one clock of all processes that share this index. Stamps that other processes compare are
   * read from it, for the clocks of their machines may differ. Makes no call, and throws nothing.
   */
  now(): number;
  /** Rejects with `index-unavailable` if the index cannot answer now; used by health checks. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Publish and subscribe: messages wake callers that wait for a record to change. A message may be lost or doubled: nothing depends
 * on one.
 */
export interface PubSub {
  /** `message` is short, at most a few hundred bytes; an empty one is none. */
  publish(topic: string, message?: string): Promise<void>;
  /**
   * Calls `listener` after each message on `topic`, and with `undefined` after every reconnect or whenever messages may have
   * been missed. Resolves once the subscription stands; the returned function ends it. A listener is never called
   * synchronously by `publish`, and one that throws disturbs no other.
   */
  subscribe(topic: string, listener: (message: string | undefined) => void): Promise<() => void>;
}

/**
 * The losses of the index, as far as it knows them. An index that has lost its data, by FLUSHALL or with a server, is not one that
 * never had any: the owners of fills in flight restore their records before a claim succeeds, and the rest is rebuilt.
 */
export interface EpochIndex {
  /**
   * Whether a rebuild from the store has ended and nothing was lost since. Before and after a read it says whether what the read
   * did not find was not there.
   */
  isComplete(): Promise<boolean>;
  /**
   * A name for the time since the last loss, for `markComplete`. Whoever rebuilds reads it before it begins. Claims that wait since
   * that loss count from its first reading, or from the first of them.
   */
  current(): Promise<string>;
  /** The marks that rebuilds have set in this epoch. They are lost with the data: another epoch has none. */
  marks(epoch: string): Promise<ReadonlySet<string>>;
  /** Sets a mark; kept for a week at least. */
  mark(epoch: string, name: string): Promise<void>;
  /** False if something was lost after `epoch` was read; the index is not complete then. */
  markComplete(epoch: string): Promise<boolean>;
}

/**
 * Small values that processes share for a while, such as an upstream's token. Callers seal secrets before they put them: the index
 * never sees one in clear.
 */
export interface ValueIndex {
  get(name: string): Promise<string | undefined>;
  /** Replaces. Gone `ttlMs` from now at the latest; at most a few KiB. */
  put(name: string, value: string, ttlMs: number): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The part of a logger that the index needs: fields first, then a constant message. */
export interface IndexLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
