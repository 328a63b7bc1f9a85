// How far a transfer is, in words: `1.20 GB of 3.40 GB, 85.0 MB/s`.
import { formatBytes } from './format-bytes.ts';

export interface Transfer {
  readonly bytes: number;
  readonly bytesDone: number;
}

/** The rate is that since the beginning. */
export function describeTransfer({ bytes, bytesDone }: Transfer, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? (bytesDone / elapsedMs) * 1000 : 0;
  return `${formatBytes(bytesDone)} of ${formatBytes(bytes)}, ${formatBytes(rate)}/s`;
}
