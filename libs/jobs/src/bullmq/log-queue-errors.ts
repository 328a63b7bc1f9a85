// Logs what the job queue reports while Redis is available. An outage of Redis is logged once for the whole node.
import type { RedisLog } from '@cistern/redis';
import { toIndexError, watchConnection } from '@cistern/redis/client';
import { briefError } from '@cistern/telemetry';
import type { RedisClient } from './redis-clients.ts';

/** The part of a logger that the queue needs: fields first, then a constant message. */
export interface BullmqLog extends RedisLog {
  error(fields: object, message: string): void;
}

/** Limits the lines, because BullMQ reports a lost lock twice a second. */
const quietForMs = 60_000;

/** Watches the connection of one ioredis client. Pass the errors that BullMQ and copies of the client report to `note`. */
export function logQueueErrors(client: RedisClient, log: BullmqLog): { note(error: unknown): void } {
  const outage = watchConnection(client, log);
  let quietUntilMs = 0;
  /** Errors since the last line. */
  let errors = 0;
  return {
    note(error) {
      if (outage.isUnderWay()) return outage.counted(toIndexError(error));
      if (isConnectionError(error)) return;
      errors += 1;
      if (performance.now() < quietUntilMs) return;
      quietUntilMs = performance.now() + quietForMs;
      log.warn({ err: briefError(error), errors }, 'job queue error');
      errors = 0;
    },
  };
}

/**
 * Returns true if the error concerns the connection. The client itself reports such errors too, so they are ignored.
 */
function isConnectionError(error: unknown): boolean {
  const { code, message } = (error instanceof Error ? error : new Error(String(error))) as NodeJS.ErrnoException;
  return (
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code ?? '') ||
    /connection is closed|cluster is ended|socket timeout/i.test(message)
  );
}
