// The fills that run in this process, for those who follow them.
import type { SourceReader } from '../read/byte-source.ts';
import type { Fill, FillRange } from './fill.ts';

export interface FillTable {
  add(fill: Fill): void;
  /** To be called when the fill's record says how it ended: what is gone from here must not be followed any more. */
  remove(fill: Fill): void;
  /** As `Fill.open`; `undefined` also if no such fill runs here. */
  open(fillId: string, range: FillRange): SourceReader | undefined;
  readonly size: number;
}

export function createFillTable(): FillTable {
  const fills = new Map<string, Fill>();
  return {
    add: (fill) => void fills.set(fill.fillId, fill),
    remove: (fill) => void fills.delete(fill.fillId),
    open: (fillId, range) => fills.get(fillId)?.open(range),
    get size() {
      return fills.size;
    },
  };
}
