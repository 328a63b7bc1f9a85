// How much the store may hold.
import type { z } from 'zod';
import { section, size, wholeNumber } from '../values.ts';
import type { SectionContext } from './context.ts';

export const maxBytesKey = size({
  text: 'Bytes of blobs and manifests that the store may hold. What nobody has pulled for longest is removed to make room; pinned images stay.',
  default: 'any number: nothing is removed',
}).optional();

export const watermarksSection = section('Parts of `storage.maxbytes`, in percent.', {
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

export interface StorageLimitsConfig {
  readonly maxBytes: number;
  readonly highBytes: number;
  readonly lowBytes: number;
}

/** `undefined`: the store may hold any number of bytes. */
export function buildStorageLimits(
  maxBytes: number | undefined,
  { high, low }: z.output<typeof watermarksSection>,
  context: SectionContext,
): StorageLimitsConfig | undefined {
  if (low >= high)
    context.report('storage.watermarks.low', `must be less than storage.watermarks.high, which is ${high}`);
  if (maxBytes === undefined) return undefined;
  if (maxBytes === 0)
    context.report('storage.maxbytes', 'must be more than 0; leave it out for a store without a limit');
  return {
    maxBytes,
    highBytes: Math.floor((maxBytes * high) / 100),
    lowBytes: Math.floor((maxBytes * low) / 100),
  };
}
