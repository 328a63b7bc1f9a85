// How the routes of operators answer: JSON that nobody keeps, and errors in words.
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyReply } from 'fastify';

/**
 * Sends what `act` resolves with, or `{ message }`: 400 for a name that is none or that nothing here has, 503 for the rest, with
 * the reason where a person can act on it; what is our own mistake is not told.
 */
export async function answer(reply: FastifyReply, act: () => Promise<object>): Promise<FastifyReply> {
  void reply.header('cache-control', 'no-store');
  try {
    return await reply.send(await act());
  } catch (error) {
    const isUnknown = error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid');
    return reply.code(isUnknown ? 400 : 503).send({ message: messageOf(error) });
  }
}

export function messageOf(error: unknown): string {
  if (isCacheError(error)) return error.message;
  return error instanceof OciSyntaxError ? `${error.message}.` : 'It could not be done; the log says why.';
}
