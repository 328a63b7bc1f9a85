// A client that names an upstream by a prefix has no fallback. A 429 costs it more than a wait, since podman sleeps for half a
// minute. So if an upstream has requested a back-off of some seconds, the client's request waits for them here (decision 0026).
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface WaitOptions {
  /** The most time that a request waits in total. A longer wait is rejected immediately. 0 means no waiting. */
  readonly maxWaitMs: number;
  /** From 0 to 1. It spreads the retries, so that waiting requests do not retry at the same time. */
  readonly random?: (() => number) | undefined;
}

/** The wait if the upstream has sent no time. After it, the retry gets the back-off of the upstream's budget. */
const unknownMs = 1_000;
/** The random part of the wait. */
const spread = 0.1;

/** Rejects as `answer` does. It calls `answer` again only if nothing has been sent. */
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
 * Returns the signal that aborts when the connection ends before the response. A request has one signal, however often this is
 * called.
 */
export function clientSignal({ raw, request: { record } }: FastifyReply): AbortSignal {
  if (record.clientSignal !== undefined) return record.clientSignal;
  const controller = new AbortController();
  record.clientSignal = controller.signal;
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
