// Sends the responses to operators: JSON that must not be cached, and errors with a message.
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyBaseLogger, FastifyReply } from 'fastify';

export type FaultLog = Pick<FastifyBaseLogger, 'error'>;

/** An error that rejects a request with the given status. The message is a whole sentence. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Sends the result of `act`, or `{ message }`: 400 for an invalid name, 404 for an image that does not exist, and 503 for other
 * errors. The message hides the details of an internal error.
 */
export async function answer(reply: FastifyReply, act: () => Promise<object>): Promise<FastifyReply> {
  void reply.header('cache-control', 'no-store');
  try {
    return await reply.send(await act());
  } catch (error) {
    return reply.code(statusOf(error)).send({ message: explain(error, reply.log) });
  }
}

function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid')) return 400;
  return isCacheError(error, 'manifest-unknown') ? 404 : 503;
}

/** Returns the message of an error for an operator. It logs an internal error, because the message hides the details. */
export function explain(error: unknown, log: FaultLog): string {
  if (error instanceof Refusal || isCacheError(error)) return error.message;
  if (error instanceof OciSyntaxError) return `${error.message}.`;
  log.error({ err: error }, 'admin API request failed');
  return 'The request failed with an internal error. See the log of this node.';
}
