// A cache in which every object has a worth. It evicts the object with the least worth.
import FlatQueue from 'flatqueue';
import type { ObjectId } from '../catalogue.ts';
import type { PolicyOptions } from './eviction-policy.ts';

export interface Ranked {
  has(object: ObjectId): boolean;
  /** Adds the object, or changes its worth. */
  set(object: ObjectId, worth: number): void;
  /** Frees `bytes` by evicting objects worth less than `belowWorth`. Returns false if that is not enough. */
  free(bytes: number, belowWorth?: number): boolean;
}

export interface RankedOptions extends PolicyOptions {
  readonly onEvicted?: (object: ObjectId, worth: number) => void;
}

export function createRanked({ capacity, sizes, onEvicted = () => {} }: RankedOptions): Ranked {
  const worths = new Map<ObjectId, number>();
  /** Contains one entry for each worth that an object has had. Only the entry with its current worth counts. */
  const queue = new FlatQueue();
  let bytes = 0;

  function least(): ObjectId {
    for (;;) {
      const object = queue.peek()!;
      if (worths.get(object) === queue.peekValue()) return object;
      queue.pop();
    }
  }

  return {
    has: (object) => worths.has(object),
    set(object, worth) {
      if (!worths.has(object)) bytes += sizes[object]!;
      worths.set(object, worth);
      queue.push(object, worth);
    },
    free(wanted, belowWorth = Infinity) {
      if (wanted > capacity) return false;
      while (bytes + wanted > capacity) {
        const object = least();
        const worth = worths.get(object)!;
        if (worth >= belowWorth) return false;
        queue.pop();
        worths.delete(object);
        bytes -= sizes[object]!;
        onEvicted(object, worth);
      }
      return true;
    },
  };
}
