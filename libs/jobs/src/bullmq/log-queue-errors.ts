// Logs what the job queue reports while Redis is available. An outage of Redis is logged once for the whole node.
import type { RedisLog } from '@cistern/redis';
import { isTimeout, toIndexError, watchConnection } from '@cistern/redis/client';
import { briefError } from '@cistern/telemetry';
import type { RedisClient } from './redis-clients.ts';

/** The part of a logger that the queue needs: fields first, then a constant message. */
export interface BullmqLog extends RedisLog {
  error(fields: object, message: string): void;
}

/** Limits the lines, because BullMQ reports a lost lock twice a second. */
const quietForMs = 60_000;

interface QueueErrors {
  /** Takes an error that BullMQ or a copy of the client reports. */
  note(error: unknown): void;
  close(): void;
}

/** Watches the connection of one ioredis client. The caller closes the result before it disconnects the client. */
export function logQueueErrors(client: RedisClient, log: BullmqLog): QueueErrors {
  const outage = watchConnection(client, log);
  let quietUntilMs = 0;
  /** Errors since the last line. */
  let errors = 0;
  return {
    note(error) {
      const isOfConnection = isConnectionError(error);
      if ((isOfConnection || isTimeout(error)) && outage.counted(toIndexError(error))) return;
      if (isOfConnection) return;
      errors += 1;
      if (performance.now() < quietUntilMs) return;
      quietUntilMs = performance.now() + quietForMs;
      log.warn({ err: briefError(error), errors }, 'job queue error');
      errors = 0;
    },
    close: outage.close,
  };
}

const connectionCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const connectionMessages =
  /connection is closed|cluster is (?:ended|disconnect)|socket timeout|^(?:Stream isn't writeable|Cluster isn't ready|None of startup nodes|Failed to refresh slots cache|All sentinels are unreachable|Reached the max retries)/i;

/**
 * Returns true if the error concerns the connection. The client itself reports such errors too, so they are ignored.
 */
function isConnectionError(error: unknown): boolean {
  const { code, message } = (error instanceof Error ? error : new Error(String(error))) as NodeJS.ErrnoException;
  return connectionCodes.has(code ?? '') || connectionMessages.test(message);
}
