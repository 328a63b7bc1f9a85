// A client that names an upstream by a prefix knows no other place, and a 429 costs it more than a wait (podman sleeps for
// half a minute). So where an upstream has asked to be left alone for some seconds, its request waits for them here
// (decision 0026).
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface WaitOptions {
  /** All in all; what is asked to wait longer is refused at once. 0: nobody waits. */
  readonly patienceMs: number;
  /** From 0 to 1: not everybody who has waited comes back at once. */
  readonly random?: (() => number) | undefined;
}

/** Where the upstream did not say for how long: the next try is told by whoever keeps account of it. */
const unknownMs = 1_000;
/** Of what there is to wait. */
const spread = 0.1;

/** Rejects as `answer` does. It is called again only if it has sent nothing. */
export async function waitForUpstream<T>(
  { patienceMs, random = Math.random }: WaitOptions,
  { record }: FastifyRequest,
  reply: FastifyReply,
  answer: () => Promise<T>,
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
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
 * Ends what is done for a client: aborted when the connection ends before the answer does. One for a request, however often it is
 * asked for.
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
