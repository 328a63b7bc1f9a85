// The fills that run in this process, for those who follow them and those who watch.
import type { FillRecord } from '@cistern/index';
import type { Fill } from './fill.ts';

interface FillEntry extends Pick<FillRecord, 'source' | 'class'> {
  readonly fill: Fill;
  readonly startedAtMs: number;
}

export interface FillTable {
  add(entry: FillEntry): void;
  /** To be called when the fill's record says how it ended: what is gone from here must not be followed any more. */
  remove(fill: Fill): void;
  get(fillId: string): Fill | undefined;
  all(): Iterable<Fill>;
  entries(): Iterable<FillEntry>;
  readonly size: number;
}

export function createFillTable(): FillTable {
  const entries = new Map<string, FillEntry>();
  return {
    add: (entry) => void entries.set(entry.fill.fillId, entry),
    remove: (fill) => void entries.delete(fill.fillId),
    get: (fillId) => entries.get(fillId)?.fill,
    all: () => entries.values().map(({ fill }) => fill),
    entries: () => entries.values(),
    get size() {
      return entries.size;
    },
  };
}
