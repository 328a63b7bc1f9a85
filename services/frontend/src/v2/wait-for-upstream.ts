// A client that names an upstream by a prefix cannot fall back to the origin. A short wait costs this client less than a 429,
// after which podman sleeps for half a minute. So if an upstream has requested a back-off of some seconds, the client's request
// waits here for its end (decision 0026).
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface WaitOptions {
  /**
   * The most time that a request waits in total. If the next wait would exceed it, the request fails immediately. 0 means no
   * waiting.
   */
  readonly maxWaitMs: number;
  /** Returns a random number from 0 to 1, so that waiting requests do not all retry at the same time. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/**
 * The wait if the error has no `retryAfterMs`. By the time of the retry, the upstream's budget has a back-off, whose end the next
 * error reports.
 */
const unknownMs = 1_000;
/** The random part of the wait, as a share of it. */
const spread = 0.1;

/** Resolves and rejects as `answer` does. Calls `answer` again only if no part of the response has been sent. */
export async function waitForUpstream<T>(
  { maxWaitMs, random = Math.random }: WaitOptions,
  { record }: FastifyRequest,
  reply: FastifyReply,
  answer: () => Promise<T>,
): Promise<T> {
  const untilMs = performance.now() + maxWaitMs;
  for (;;) {
    try {
      return await answer();
    } catch (error) {
      if (record.mode !== 'prefix' || !isCacheError(error, 'upstream-rate-limited')) throw error;
      const { retryAfterMs = unknownMs } = error;
      const waitMs = retryAfterMs * (1 + random() * spread);
      if (performance.now() + waitMs > untilMs || reply.raw.headersSent || reply.raw.destroyed) throw error;
      await delay(waitMs, undefined, { signal: clientSignal(reply) }).catch(() => {
        throw error;
      });
    }
  }
}

/**
 * Returns the signal that aborts when the connection ends before the response. Further calls for the same request return the same
 * signal.
 */
export function clientSignal({ raw, request: { record } }: FastifyReply): AbortSignal {
  if (record.clientSignal !== undefined) return record.clientSignal;
  const controller = new AbortController();
  record.clientSignal = controller.signal;
  raw.on('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
