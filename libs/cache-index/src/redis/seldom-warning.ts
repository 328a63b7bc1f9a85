// One line, then silence for a while: an outage brings an error with every attempt.
import type { IndexLog } from '../index-log.ts';
import { toIndexError } from './index-error.ts';

const quietMs = 10_000;

export function createSeldomWarning(log: IndexLog, message: string): (error: unknown) => void {
  let quietUntilMs = 0;
  return (error) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + quietMs;
    log.warn({ err: toIndexError(error) }, message);
  };
}
