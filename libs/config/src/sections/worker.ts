import type { z } from 'zod';
import { filePath, section, size, wholeNumber } from '../values.ts';

export const workerSection = section('Fetching from upstreams.', {
  spool: section('Where bodies lie while they arrive.', {
    directory: filePath({ text: 'The directory; it is created.', default: "the store's own" }).optional(),
    maxbytes: size('Fetches wait when those in flight would need more.').prefault('20GiB'),
  }),
  rangefill: section('Ranges of blobs that are not cached yet, as lazy pullers ask for them.', {
    maxbytes: size(
      'A larger blob is not fetched whole because somebody asked for a small range of it: only the range is.',
    ).prefault('1GiB'),
  }),
  concurrency: wholeNumber('Fetches at the same time for waiting clients.', { min: 1, max: 10_000 }).prefault('32'),
});

export interface WorkerConfig {
  readonly spool: {
    /** `undefined`: where the store wants it, so that a finished body becomes the blob by a rename. */
    readonly directory: string | undefined;
    readonly maxBytes: number;
  };
  /** Blobs larger than this are not fetched whole for the sake of a small range. */
  readonly maxWholeForRangeBytes: number;
  readonly concurrency: number;
}

export function buildWorker({ spool, rangefill, concurrency }: z.output<typeof workerSection>): WorkerConfig {
  return {
    spool: { directory: spool.directory, maxBytes: spool.maxbytes },
    maxWholeForRangeBytes: rangefill.maxbytes,
    concurrency,
  };
}
