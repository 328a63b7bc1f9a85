// The interface of eviction policies: they decide which objects stay in a full cache.
import type { ObjectId } from '../catalogue.ts';

export interface EvictionPolicy {
  has(object: ObjectId): boolean;
  /**
   * Returns whether the object is cached, and counts the pull if so. `at` is the index of the event. Events come in
   * order.
   */
  pull(object: ObjectId, at: number): boolean;
  /**
   * Adds an object that is not cached, and evicts others for it. An object that is too large or not worth it is left
   * out.
   */
  add(object: ObjectId, at: number): void;
}

export interface PolicyOptions {
  /** Capacity in bytes. */
  readonly capacity: number;
  /** Sizes in bytes, by object. */
  readonly sizes: readonly number[];
}
