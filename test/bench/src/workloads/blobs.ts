// Measures stored blobs: bytes a second, and the cost of a gigabyte.
import { cistern, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { transferBlobs } from './transfer-blobs.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const connections = 8;

export const blobs: readonly Workload[] = [
  blobOf('blob-1m', mebibyte, 'quick'),
  blobOf('blob-64m', 64 * mebibyte, 'quick'),
  blobOf('blob-1g', 1024 * mebibyte, 'full'),
];

function blobOf(name: string, size: number, mode: Workload['mode']): Workload {
  return {
    name,
    title: `One blob of ${size / mebibyte} MiB, ${connections} connections`,
    headline: 'MB/s',
    mode,
    contenders: [cistern, dockerRegistry, nginx],
    ...(size > mebibyte && { mostRounds: 3 }),
    run: (run) => transferBlobs(run, { blobs: 1, size, seed: 'warm', connections }),
  };
}
