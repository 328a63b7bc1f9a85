// The way to the bytes of a fill, wherever it runs: here, or on another worker.
import type { FillRecord } from '@cistern/index';
import { type SourceReader, type PlaceReader, openChecksummedReader } from '@cistern/streams';
import type { FillRange } from '../fill/fill.ts';
import type { FillTable } from '../fill/fill-table.ts';
import type { RemoteFills } from '../remote/open-remote-fills.ts';

type RunningFillRecord = FillRecord & { readonly size: number };

export interface FillAccess {
  /**
   * `undefined`: that fill has ended, as its record tells. Rejects with `SourceInterrupted` if its worker is out of reach;
   * reading does too when the worker goes away.
   */
  open(record: RunningFillRecord, range: FillRange, signal: AbortSignal): Promise<PlaceReader | undefined>;
  /** CRC-32 of verified bytes of the fill; `undefined` where it cannot be had there. */
  checksum(record: FillRecord, from: number, toExclusive: number): Promise<number | undefined>;
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

  const open = async (record: RunningFillRecord, range: FillRange, signal: AbortSignal) => {
    if (isHere(record)) return fills?.get(record.fillId)?.open(range);
    const frames = await remote?.open(record, range, signal);
    return frames && ({ read: frames.read, close: async () => frames.close() } satisfies SourceReader);
  };

  return {
    async open(record, range, signal) {
      const reader = await open(record, range, signal);
      if (reader === undefined || remote === undefined || !range.verified) return reader;
      return openChecksummedReader(reader, range, record.size);
    },
    async checksum(record, from, toExclusive) {
      if (isHere(record)) return fills?.get(record.fillId)?.checksum(from, toExclusive);
      return remote?.checksum(record, from, toExclusive);
    },
  };
}
