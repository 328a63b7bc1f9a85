// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), counted in bytes. New objects
// pass through a small queue. Only objects that are pulled again there, or soon afterwards, enter the main queue.
import type { ObjectId } from '../catalogue.ts';
import type { EvictionPolicy, PolicyOptions } from './eviction-policy.ts';

const smallShare = 0.1;
const mostCounted = 3;

export function createS3Fifo({ capacity, sizes }: PolicyOptions): EvictionPolicy {
  const small = createQueue(sizes);
  const main = createQueue(sizes);
  const ghosts = createQueue(sizes);
  const smallCapacity = capacity * smallShare;
  const pulls = new Map<ObjectId, number>();

  function evictOne(): void {
    if (small.bytes() > smallCapacity || main.isEmpty()) evictFromSmall();
    else evictFromMain();
  }

  function evictFromSmall(): void {
    const object = small.shift();
    if (pulls.get(object)! > 1) {
      pulls.set(object, 0);
      main.push(object);
      return;
    }
    pulls.delete(object);
    ghosts.push(object);
    while (ghosts.bytes() > capacity - smallCapacity) ghosts.shift();
  }

  function evictFromMain(): void {
    const object = main.shift();
    const counted = pulls.get(object)!;
    if (counted === 0) {
      pulls.delete(object);
      return;
    }
    pulls.set(object, counted - 1);
    main.push(object);
  }

  return {
    has: (object) => pulls.has(object),
    pull(object) {
      const counted = pulls.get(object);
      if (counted === undefined) return false;
      pulls.set(object, Math.min(mostCounted, counted + 1));
      return true;
    },
    add(object) {
      const size = sizes[object]!;
      if (size > capacity) return;
      while (small.bytes() + main.bytes() + size > capacity) evictOne();
      (ghosts.remove(object) ? main : small).push(object);
      pulls.set(object, 0);
    },
  };
}

/** A first-in, first-out queue that knows its size in bytes. */
function createQueue(sizes: readonly number[]) {
  const objects = new Set<ObjectId>();
  let bytes = 0;
  const remove = (object: ObjectId): boolean => {
    if (!objects.delete(object)) return false;
    bytes -= sizes[object]!;
    return true;
  };
  return {
    bytes: () => bytes,
    isEmpty: () => objects.size === 0,
    push(object: ObjectId) {
      objects.add(object);
      bytes += sizes[object]!;
    },
    remove,
    shift(): ObjectId {
      const [first] = objects;
      remove(first!);
      return first!;
    },
  };
}
