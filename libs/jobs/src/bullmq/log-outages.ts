// One line when Redis goes away and one when it is back, however many clients notice how often; and little else.
import type { RedisClient } from './redis-clients.ts';

/** The part of a logger that the queue needs: fields first, then a constant message. */
export interface BullmqLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** BullMQ tells twice a second of a lock that is gone. */
const quietForMs = 60_000;

/** Follows the state of one client. The errors of its copies, and those that BullMQ passes on, go to `note`. */
export function logOutages(client: RedisClient, log: BullmqLog): { note(error: unknown): void } {
  let isAway = false;
  /** BullMQ repeats the errors of the client, once for each queue. */
  const known = new WeakSet<Error>();
  let last = { message: '', atMs: 0 };

  function lose(error: Error): void {
    known.add(error);
    if (isAway) return;
    isAway = true;
    log.warn({ err: error }, 'the job queue has lost Redis and tries to reach it again');
  }

  client.on('error', lose);
  client.on('ready', () => {
    if (isAway) log.info({}, 'the job queue has reached Redis again');
    isAway = false;
  });
  return {
    note(thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (known.has(error) || isConnectionError(error)) return;
      if (error.message === last.message && performance.now() - last.atMs < quietForMs) return;
      last = { message: error.message, atMs: performance.now() };
      log.warn({ err: error }, 'the job queue reports an error');
    },
  };
}

/** Then the client itself notices, too. */
function isConnectionError({ code, message }: NodeJS.ErrnoException): boolean {
  return (
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code ?? '') ||
    /connection is closed|cluster is ended|socket timeout/i.test(message)
  );
}
