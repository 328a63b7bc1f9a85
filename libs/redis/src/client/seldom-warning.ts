// One line, then silence for a while: an outage brings an error with every attempt.
import { toIndexError } from './index-error.ts';

/** The part of a logger that the connections need: fields first, then a constant message. */
export interface RedisLog {
  warn(fields: object, message: string): void;
}

const quietMs = 10_000;

export function createSeldomWarning(log: RedisLog, message: string): (error: unknown) => void {
  let quietUntilMs = 0;
  return (error) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + quietMs;
    log.warn({ err: toIndexError(error) }, message);
  };
}
