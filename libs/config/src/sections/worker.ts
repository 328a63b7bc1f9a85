import type { z } from 'zod';
import { filePath, section, size, wholeNumber } from '../values.ts';

export const workerSection = section('Fetching from upstreams.', {
  spool: section('Where bodies lie while they arrive.', {
    directory: filePath({ text: 'The directory; it is created.', default: "the store's own" }).optional(),
    maxbytes: size('Fetches wait when those in flight would need more.').prefault('20GiB'),
  }),
  concurrency: wholeNumber('Fetches at the same time for waiting clients.', { min: 1, max: 10_000 }).prefault('32'),
});

export interface WorkerConfig {
  readonly spool: {
    /** `undefined`: where the store wants it, so that a finished body becomes the blob by a rename. */
    readonly directory: string | undefined;
    readonly maxBytes: number;
  };
  readonly concurrency: number;
}

export function buildWorker({ spool, concurrency }: z.output<typeof workerSection>): WorkerConfig {
  return { spool: { directory: spool.directory, maxBytes: spool.maxbytes }, concurrency };
}
