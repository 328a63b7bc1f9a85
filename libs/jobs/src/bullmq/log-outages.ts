// Logs one line when Redis becomes unavailable and one when it recovers, even if many ioredis clients notice it. Other
// errors are throttled.
import type { RedisClient } from './redis-clients.ts';

/** The part of a logger that the queue needs: fields first, then a constant message. */
export interface BullmqLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Limits equal warnings, because BullMQ reports a lost lock twice a second. */
const quietForMs = 60_000;

/** Tracks the state of one ioredis client. Pass the errors of its copies and those that BullMQ reports to `note`. */
export function logOutages(client: RedisClient, log: BullmqLog): { note(error: unknown): void } {
  let isDisconnected = false;
  /** The errors that the client has reported. BullMQ reports each of them again for each queue. */
  const known = new WeakSet<Error>();
  let last = { message: '', atMs: 0 };

  function onError(error: Error): void {
    known.add(error);
    if (isDisconnected) return;
    isDisconnected = true;
    log.warn({ err: error }, 'job queue lost Redis, reconnecting');
  }

  client.on('error', onError);
  client.on('ready', () => {
    if (isDisconnected) log.info({}, 'job queue reconnected to Redis');
    isDisconnected = false;
  });
  return {
    note(thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (known.has(error) || isConnectionError(error)) return;
      if (error.message === last.message && performance.now() - last.atMs < quietForMs) return;
      last = { message: error.message, atMs: performance.now() };
      log.warn({ err: error }, 'job queue error');
    },
  };
}

/**
 * Returns true if the error concerns the connection. The client itself reports such errors too, so they are ignored.
 */
function isConnectionError({ code, message }: NodeJS.ErrnoException): boolean {
  return (
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code ?? '') ||
    /connection is closed|cluster is ended|socket timeout/i.test(message)
  );
}
