// Ends what is done for a client once the client has left.
import type { FastifyReply } from 'fastify';

/** Aborted when the connection ends before the answer does. */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
