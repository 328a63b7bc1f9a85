// What `/token` gives where upstreams verify their callers: a token to whoever asks. What it is worth, the upstream that it
// is used for decides.
import { CacheError } from '@cistern/errors';
import type { Challenge } from '@cistern/auth';
import type { RequestMetrics } from '@cistern/telemetry';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type LimitDependencies, limitClient } from '../hooks/limit-client.ts';
import { addTokenPath, tokenPath } from '../token/add-token-path.ts';
import { sendJson } from '../http/send-json.ts';
import { shownBy } from './caller-of.ts';
import type { CallerTokens } from './caller-tokens.ts';

/**
 * docker, podman and crane show nothing that `/v2/` has not asked for, and docker gives up where a password is asked of
 * somebody who has not logged in; a token it asks for as anybody.
 */
export const callerChallenge: Challenge = { scheme: 'bearer', service: 'cistern', realm: { path: tokenPath } };

export function addCallerTokens(
  app: FastifyInstance,
  tokens: CallerTokens,
  dependencies: LimitDependencies & { readonly metrics: RequestMetrics },
): void {
  addTokenPath(app, dependencies.metrics, async ({ authorization }, request, reply) => {
    await limitClient(dependencies, request, reply);
    return giveToken(tokens, authorization, reply);
  });
}

function giveToken(tokens: CallerTokens, authorization: string | undefined, reply: FastifyReply): FastifyReply {
  const shown = shownBy(authorization, tokens);
  if (shown.caller.kind === 'token')
    throw new CacheError('denied', 'A token is asked for with a user name and a password, or with nothing.');
  const { token, expiresInSeconds } = tokens.issue(shown);
  const issued_at = new Date().toISOString();
  const answer = { token, access_token: token, expires_in: expiresInSeconds, issued_at };
  reply.header('cache-control', 'no-store');
  return sendJson(reply, Buffer.from(JSON.stringify(answer)));
}
