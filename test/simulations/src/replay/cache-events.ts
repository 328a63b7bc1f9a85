// The objects that a cache must serve, in the order of requests. They are the same for every eviction policy.
import type { ObjectId } from './catalogue.ts';

export interface CacheEvents {
  readonly objects: readonly ObjectId[];
  /** Whether a client requests the object, for each event. Otherwise prewarming fetches it. */
  readonly byClient: readonly boolean[];
  readonly pulls: readonly ServedPull[];
  /** Number of HEAD requests for tags to the upstream. */
  readonly heads: number;
}

/** A pull. Its objects are those from `first` up to, but not including, `end`. */
export interface ServedPull {
  readonly first: number;
  readonly end: number;
  /** The same as in `Pull`. */
  readonly rank: number;
  /**
   * The first pull of an image that a tag has moved to, if no client had pulled all its objects before. Without
   * prewarming it is a miss.
   */
  readonly isFirstOfMoved: boolean;
}
