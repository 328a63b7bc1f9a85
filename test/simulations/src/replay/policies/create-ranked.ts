// A cache whose every object has a worth: the least worthy goes.
import FlatQueue from 'flatqueue';
import type { ObjectId } from '../catalogue.ts';
import type { PolicyOptions } from './eviction-policy.ts';

export interface Ranked {
  has(object: ObjectId): boolean;
  /** Adds it, or changes its worth. */
  set(object: ObjectId, worth: number): void;
  /** Makes room for so many bytes by what is worth less than `belowWorth`; false: that is not enough. */
  free(bytes: number, belowWorth?: number): boolean;
}

export interface RankedOptions extends PolicyOptions {
  readonly onEvicted?: (object: ObjectId, worth: number) => void;
}

export function createRanked({ capacity, sizes, onEvicted = () => {} }: RankedOptions): Ranked {
  const worths = new Map<ObjectId, number>();
  /** An entry for each worth that an object has had: only that of its worth now counts. */
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
