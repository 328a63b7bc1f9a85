// The fills that run in this process, for those who follow them.
import type { Fill } from './fill.ts';

export interface FillTable {
  add(fill: Fill): void;
  /** To be called when the fill's record says how it ended: what is gone from here must not be followed any more. */
  remove(fill: Fill): void;
  get(fillId: string): Fill | undefined;
  all(): Iterable<Fill>;
  readonly size: number;
}

export function createFillTable(): FillTable {
  const fills = new Map<string, Fill>();
  return {
    add: (fill) => void fills.set(fill.fillId, fill),
    remove: (fill) => void fills.delete(fill.fillId),
    get: (fillId) => fills.get(fillId),
    all: () => fills.values(),
    get size() {
      return fills.size;
    },
  };
}
