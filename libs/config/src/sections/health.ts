import type { z } from 'zod';
import { duration, flag, section, wholeNumber } from '../values/values.ts';

export const healthSection = section('Periodic checks, shown by `/readyz`.', {
  storagedriver: section('Writing to and reading from the store.', {
    enabled: flag('Switches the check on.').prefault('true'),
    interval: duration('Time between two checks.').prefault('10s'),
    threshold: wholeNumber('So many failures in a row make the server unready.', { min: 1, max: 1000 }).prefault('3'),
  }),
});

export type HealthConfig = ReturnType<typeof buildHealth>;

export function buildHealth({ storagedriver }: z.output<typeof healthSection>) {
  const { enabled, interval, threshold } = storagedriver;
  return { storageDriver: { enabled, intervalMs: interval, threshold } };
}
