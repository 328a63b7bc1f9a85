// Ends what is done for a client once the client has left.
import type { FastifyReply } from 'fastify';

/** Aborted when the connection ends before the answer does. One for a request, however often it is asked for. */
export function clientSignal({ raw, request: { record } }: FastifyReply): AbortSignal {
  if (record.clientSignal !== undefined) return record.clientSignal;
  const controller = new AbortController();
  record.clientSignal = controller.signal;
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
