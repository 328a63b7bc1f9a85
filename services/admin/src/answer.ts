// How the routes of operators answer: JSON that nobody keeps, and errors in words.
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyReply } from 'fastify';

/**
 * Sends what `act` resolves with, or `{ message }`: 400 for a name that is none, 404 for an image that is not there, 503 for the
 * rest, with the reason where a person can act on it; what is our own mistake is not told.
 */
export async function answer(reply: FastifyReply, act: () => Promise<object>): Promise<FastifyReply> {
  void reply.header('cache-control', 'no-store');
  try {
    return await reply.send(await act());
  } catch (error) {
    return reply.code(statusOf(error)).send({ message: messageOf(error) });
  }
}

function statusOf(error: unknown): number {
  if (error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid')) return 400;
  return isCacheError(error, 'manifest-unknown') ? 404 : 503;
}

export function messageOf(error: unknown): string {
  if (isCacheError(error)) return error.message;
  return error instanceof OciSyntaxError ? `${error.message}.` : 'It could not be done; the log says why.';
}
