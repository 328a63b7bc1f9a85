// The outage of the index in Redis. The index, its connection and the job queue notice it, and share its lines in the log.
import { isCacheError } from '@cistern/errors';
import { type LogWithOutages, type Outage, watchOutage } from '@cistern/telemetry';

/** The part of a logger that an outage needs: fields first, then a constant message. */
export interface RedisLog extends LogWithOutages {
  warn(fields: object, message: string): void;
}

/** The caller closes the result. */
export function watchIndexOutage(log: RedisLog): Outage {
  return watchOutage(log, {
    part: 'index',
    lines: {
      began: (facts) => log.warn(facts, 'index unavailable, falling back to memory and store'),
      lasts: (facts) => log.warn(facts, 'index still unavailable'),
      ended: (facts) => log.warn(facts, 'index available again'),
    },
    explains: (error) => isCacheError(error, 'index-unavailable'),
  });
}
