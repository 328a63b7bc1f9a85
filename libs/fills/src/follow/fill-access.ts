// The way to the bytes of a fill, wherever it runs: here, or on another worker.
import type { FillRecord } from '@cistern/index';
import type { SourceReader } from '@cistern/streams';
import type { Fill, FillRange } from '../fill/fill-options.ts';
import type { RemoteFills } from '../remote/open-remote-fills.ts';

interface FillEntry extends Pick<FillRecord, 'source' | 'class'> {
  readonly fill: Fill;
  readonly startedAtMs: number;
}

export type FillTable = ReturnType<typeof createFillTable>;

type RunningFillRecord = FillRecord & { readonly size: number };

export interface FillAccess {
  /**
   * `undefined`: that fill has ended, as its record tells. Rejects with `SourceInterrupted` if its worker is out of reach;
   * reading does too when the worker goes away.
   */
  open(record: RunningFillRecord, range: FillRange, signal: AbortSignal): Promise<SourceReader | undefined>;
  /** As `RemoteFills.canRead`. Alone a node reads all of its records. */
  canRead(record: FillRecord): boolean;
}

export interface FillAccessOptions {
  /** The fills of this process, if it runs any. */
  readonly fills: FillTable | undefined;
  /** Of this process, as the records of its fills have it. */
  readonly address: string;
  /** Absent: there are no other processes. */
  readonly remote: RemoteFills | undefined;
}

export function createFillAccess({ fills, address, remote }: FillAccessOptions): FillAccess {
  const isHere = (record: FillRecord) => remote === undefined || (fills !== undefined && record.address === address);

  return {
    async open(record, range, signal) {
      if (isHere(record)) return fills?.get(record.fillId)?.open(range);
      const frames = await remote?.open(record, range, signal);
      if (frames === undefined) return undefined;
      return { read: frames.read, table: frames.table, isUnproven: range.verified, close: async () => frames.close() };
    },
    canRead: (record) => remote?.canRead(record) ?? true,
  };
}

/** The fills that run in this process. */
export function createFillTable() {
  const entries = new Map<string, FillEntry>();
  return {
    add: (entry: FillEntry): void => void entries.set(entry.fill.fillId, entry),
    /** To be called when the fill's record says how it ended: a fill that is gone from here has no new followers. */
    remove: (fill: Fill): void => void entries.delete(fill.fillId),
    get: (fillId: string): Fill | undefined => entries.get(fillId)?.fill,
    all: (): Iterable<Fill> => entries.values().map(({ fill }) => fill),
    entries: (): Iterable<FillEntry> => entries.values(),
    get size(): number {
      return entries.size;
    },
  };
}
