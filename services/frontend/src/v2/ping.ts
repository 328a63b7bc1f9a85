// GET and HEAD /v2/: whether this is a registry. It is one even while no upstream can be reached.
import { CacheError } from '@cistern/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerChallenge } from '../callers/add-caller-tokens.ts';
import { formatChallenge } from '../hooks/format-challenge.ts';
import { sendJson } from '../http/send-json.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

const body = Buffer.from('{}');

/** Which upstream the client means it does not say here: where one of them verifies callers, all are asked to show something. */
export function answerPing(
  { callerTokens }: Pick<V2Dependencies, 'callerTokens'>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (callerTokens !== undefined && request.headers.authorization === undefined) {
    request.record.verified = { challenge: () => formatChallenge(callerChallenge, request), hasShown: false };
    throw new CacheError('unauthenticated', 'Ask for a token first; it may be had as anybody.');
  }
  return sendJson(reply, body);
}
