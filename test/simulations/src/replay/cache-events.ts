// What a cache has to have, in the order in which it is wanted: the same for every policy of eviction.
import type { ObjectId } from './catalogue.ts';

export interface CacheEvents {
  readonly objects: readonly ObjectId[];
  /** Of each: whether a client asks for it, or prewarming brings it. */
  readonly byClient: readonly boolean[];
  readonly pulls: readonly ServedPull[];
  /** Upstream was asked so often where tags are. */
  readonly heads: number;
}

/** Its objects are those from `first` on, up to `end`. */
export interface ServedPull {
  readonly first: number;
  readonly end: number;
  /** As `Pull` has it. */
  readonly rank: number;
  /** The first of an image that a tag has moved to, of which no client had everything before: without prewarming a miss. */
  readonly isFirstOfMoved: boolean;
}
