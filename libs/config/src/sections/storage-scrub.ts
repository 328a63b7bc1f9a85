// Reading the store through, to find what disks and other hands have changed.
import type { z } from 'zod';
import { duration, flag, section, size } from '../values/values.ts';
import type { SectionContext } from './context.ts';

export const storageScrubSection = section(
  'The store is read through again and again, by one worker of all: what is not what its digest says goes into quarantine and is fetched again.',
  {
    enabled: flag('Switches it on or off.').prefault('true'),
    bandwidth: size('Bytes a second that are read.').prefault('10MiB'),
    every: duration('How often it begins anew, unless it takes longer.').prefault('168h'),
  },
);

export interface StorageScrubConfig {
  readonly bytesPerSecond: number;
  readonly everyMs: number;
}

const minBytesPerSecond = 64 * 1024;
const minEveryMs = 10_000;

/** `undefined`: the store is not read through. */
export function buildStorageScrub(
  { enabled, bandwidth, every }: z.output<typeof storageScrubSection>,
  context: SectionContext,
): StorageScrubConfig | undefined {
  if (bandwidth < minBytesPerSecond)
    context.report('storage.scrub.bandwidth', 'must be at least 64KiB: with less it comes to no end');
  if (every < minEveryMs) context.report('storage.scrub.every', 'must be at least 10s');
  return enabled ? { bytesPerSecond: bandwidth, everyMs: every } : undefined;
}
