import type { z } from 'zod';
import { duration, flag, section, wholeNumber } from '../values/values.ts';

export const healthSection = section('Periodic checks that `/readyz` reports.', {
  storagedriver: section('A check that writes to and reads from the store.', {
    enabled: flag('Enables the check.').prefault('true'),
    interval: duration('The time between two checks.').prefault('5s'),
    threshold: wholeNumber('The number of consecutive failures that makes the server unready.', {
      min: 1,
      max: 1000,
    }).prefault('3'),
  }),
});

export type HealthConfig = ReturnType<typeof buildHealth>;

export function buildHealth({ storagedriver }: z.output<typeof healthSection>) {
  const { enabled, interval, threshold } = storagedriver;
  return { storageDriver: { enabled, intervalMs: interval, threshold } };
}
