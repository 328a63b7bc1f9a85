// What stays in a full cache.
import type { ObjectId } from '../catalogue.ts';

export interface EvictionPolicy {
  has(object: ObjectId): boolean;
  /** Whether it is there; then it has been pulled once more. `at`: of the events, which come in their order. */
  pull(object: ObjectId, at: number): boolean;
  /** Adds one that is not there, and evicts others for it; one that is not worth it, or too large, is left out. */
  add(object: ObjectId, at: number): void;
}

export interface PolicyOptions {
  /** Bytes. */
  readonly capacity: number;
  /** Bytes, by object. */
  readonly sizes: readonly number[];
}
