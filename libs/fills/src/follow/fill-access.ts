// Opens the bytes of a fill, in this process or on another worker.
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
   * Resolves to `undefined` if the fill has ended. Its record then has the outcome. Rejects with `SourceInterrupted` if the
   * fill's worker is unreachable. If the worker becomes unavailable later, `read` rejects in the same way.
   */
  open(record: RunningFillRecord, range: FillRange, signal: AbortSignal): Promise<SourceReader | undefined>;
  /** See `RemoteFills.canRead`. Always true for a single process. */
  canRead(record: FillRecord): boolean;
}

export interface FillAccessOptions {
  /** The fills of this process. Unset if this process runs no fills. */
  readonly fills: FillTable | undefined;
  /** The address of this process in the records of its fills. */
  readonly address: string;
  /** Unset means that there are no other processes. */
  readonly remote: RemoteFills | undefined;
}

export function createFillAccess({ fills, address, remote }: FillAccessOptions): FillAccess {
  const isHere = (record: FillRecord) => remote === undefined || (fills !== undefined && record.address === address);

  return {
    async open(record, range, signal) {
      if (isHere(record)) return fills?.get(record.fillId)?.open(range);
      const frames = await remote?.open(record, range, signal);
      if (frames === undefined) return undefined;
      return {
        read: frames.read,
        table: frames.table,
        isUnverified: range.verified,
        close: async () => frames.close(),
      };
    },
    canRead: (record) => remote?.canRead(record) ?? true,
  };
}

/** The fills that run in this process. */
export function createFillTable() {
  const entries = new Map<string, FillEntry>();
  return {
    add: (entry: FillEntry): void => void entries.set(entry.fill.fillId, entry),
    /** Must be called only after the fill's record has the outcome. From then on no follower can join the fill. */
    remove: (fill: Fill): void => void entries.delete(fill.fillId),
    get: (fillId: string): Fill | undefined => entries.get(fillId)?.fill,
    all: (): Iterable<Fill> => entries.values().map(({ fill }) => fill),
    entries: (): Iterable<FillEntry> => entries.values(),
    get size(): number {
      return entries.size;
    },
  };
}
