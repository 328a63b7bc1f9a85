// How much the store may hold: a number of bytes, and what it leaves free of its file system.
import type { z } from 'zod';
import { section, size, sizeOrPercentage, wholeNumber } from '../values/values.ts';
import type { SectionContext } from './context.ts';

export const maxBytesKey = size({
  text: 'Bytes of blobs and manifests that the store may hold. What nobody has pulled for longest is removed to make room; pinned images stay.',
  default: 'any number that leaves `storage.minfree`',
}).optional();

export const minFreeKey = sizeOrPercentage({
  text: 'What stays free of the file system that holds the store, as a size or in percent of the file system; `storage.filesystem` only. The least recently pulled is evicted for it, down to nothing where other files take the room; a blob that does not fit even then is refused with 503 before its first byte.',
  default: '10 % of the file system, at most 20GiB, and at most half of what other files leave',
}).optional();

export const watermarksSection = section('Parts of what the store may hold by `maxbytes` and `minfree`, in percent.', {
  high: wholeNumber(
    'Room is made when the store holds more than this part. What is left is for what arrives meanwhile.',
    {
      min: 1,
      max: 100,
    },
  ).prefault('95'),
  low: wholeNumber('So much is removed then that the store holds no more than this part.', {
    min: 0,
    max: 99,
  }).prefault('85'),
});

/** What stays free: the least of the three. */
interface MinFreeConfig {
  /** Of the file system, from 0 to 1. */
  readonly share: number;
  readonly maxBytes: number;
  /** Of what the store holds and what is free, from 0 to 1. */
  readonly shareOfLeft: number;
}

export interface StorageLimitsConfig {
  /** Infinity: any number. */
  readonly maxBytes: number;
  /** Parts of what the store may hold, from 0 to 1. */
  readonly highShare: number;
  readonly lowShare: number;
  /** `undefined`: the store has no file system of its own. */
  readonly minFree: MinFreeConfig | undefined;
}

const defaultMinFree: MinFreeConfig = { share: 0.1, maxBytes: 20 * 1024 ** 3, shareOfLeft: 0.5 };

interface StorageLimits {
  readonly maxbytes?: number | undefined;
  readonly minfree?: z.output<typeof minFreeKey>;
  readonly watermarks: z.output<typeof watermarksSection>;
}

export function buildStorageLimits(
  { maxbytes = Infinity, minfree, watermarks: { high, low } }: StorageLimits,
  isFilesystem: boolean,
  context: SectionContext,
): StorageLimitsConfig {
  if (low >= high)
    context.report('storage.watermarks.low', `must be less than storage.watermarks.high, which is ${high}`);
  if (maxbytes === 0)
    context.report('storage.maxbytes', 'must be more than 0; leave it out for a store without a limit');
  if (minfree !== undefined && !isFilesystem)
    context.warn('storage.minfree', 'has no effect: it is for storage.filesystem');
  return {
    maxBytes: maxbytes,
    highShare: high / 100,
    lowShare: low / 100,
    minFree: isFilesystem ? minFreeOf(minfree) : undefined,
  };
}

function minFreeOf(given: StorageLimits['minfree']): MinFreeConfig {
  if (given === undefined) return defaultMinFree;
  if ('bytes' in given) return { share: 1, maxBytes: given.bytes, shareOfLeft: 1 };
  return { share: given.percent / 100, maxBytes: Infinity, shareOfLeft: 1 };
}
