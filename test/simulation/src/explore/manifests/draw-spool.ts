// Draws the spool size of a run's workers.
import { createRandom } from '../../world/random.ts';
import type { ClusterFile } from './cluster-file.ts';

const mebibyte = 1024 * 1024;
/** Segments have 64 KiB in these runs. */
const spools = [
  { maxBytes: 1_000 * mebibyte, perFill: [mebibyte / 8, mebibyte / 4, 100 * mebibyte] },
  { maxBytes: mebibyte, perFill: [mebibyte / 8, mebibyte / 4, mebibyte] },
  { maxBytes: mebibyte / 4, perFill: [mebibyte / 8, mebibyte / 4] },
];

/** In some of the runs a spool holds only a few segments. */
export function drawSpool(seed: number): ClusterFile['spool'] {
  const random = createRandom(seed ^ 0x59001);
  const { maxBytes, perFill } = random.pick(spools);
  return { maxBytes, perFillBytes: random.pick(perFill) };
}

/** Returns true if a few slow fetches of large blobs fill the spool. */
export function isSmallSpool({ maxBytes }: ClusterFile['spool']): boolean {
  return maxBytes < mebibyte;
}
