// What a client gets from our token endpoint where upstreams verify their callers: what it has shown there, sealed, for some
// minutes. So every frontend can show it to an upstream, and none has to keep it. `/token` gives one to any client: what it is
// worth, the upstream that it is used for decides.
import { CacheError } from '@cistern/errors';
import { type Challenge, parseBasic } from '@cistern/auth';
import type { RequestMetrics } from '@cistern/telemetry';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Seal } from '@cistern/runtime';
import type { CallerCredentials } from '@cistern/upstream';
import { type LimitDependencies, limitClient } from '../hooks/limit-client.ts';
import { addTokenPath, tokenPath } from '../token/add-token-routes.ts';
import { sendJson } from '../http/answer.ts';

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
  const shown = tokens.read(authorization);
  if (shown.caller.kind === 'token')
    throw new CacheError('denied', 'A token is asked for with a user name and a password, or with nothing.');
  const { token, expiresInSeconds } = tokens.issue(shown);
  const issued_at = new Date().toISOString();
  const answer = { token, access_token: token, expires_in: expiresInSeconds, issued_at };
  reply.header('cache-control', 'no-store');
  return sendJson(reply, Buffer.from(JSON.stringify(answer)));
}

interface ShownCaller {
  readonly caller: CallerCredentials;
  /** With a token of ours: when it ends, in milliseconds since the epoch. A token bought with it ends then, too. */
  readonly untilMs?: number | undefined;
}

export interface CallerTokens {
  issue(shown: ShownCaller): { readonly token: string; readonly expiresInSeconds: number };
  /**
   * The caller of an `Authorization` header, for upstreams that verify their callers: it is not judged here. A header that is no
   * credential for an upstream is anonymous. So is a token of a cache like this that is not valid here, or has expired.
   */
  read(authorization: string | undefined): ShownCaller;
}

interface TokenContent {
  readonly schema: 1;
  readonly caller: CallerCredentials;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Clients do not use a token of less than a minute to the end. */
const lifetimeMs = 300_000;
const prefix = 'cistern.';
const sealName = 'caller token';

export function createCallerTokens({ seal, now }: { readonly seal: Seal; readonly now: () => number }): CallerTokens {
  return {
    issue({ caller, untilMs = now() + lifetimeMs }) {
      const content: TokenContent = { schema: 1, caller, untilMs };
      return {
        token: prefix + seal.close(sealName, JSON.stringify(content)),
        expiresInSeconds: Math.max(1, Math.floor((untilMs - now()) / 1000)),
      };
    },
    read(authorization) {
      const token = bearer.exec(authorization ?? '')?.[1];
      if (token === undefined) return { caller: readBasic(authorization) };
      if (!token.startsWith(prefix)) return { caller: { kind: 'token', token } };
      const text = seal.open(sealName, token.slice(prefix.length));
      const content = text === undefined ? undefined : (JSON.parse(text) as TokenContent);
      if (content === undefined || content.untilMs <= now()) return { caller: anonymous };
      return { caller: content.caller, untilMs: content.untilMs };
    },
  };
}

const anonymous: CallerCredentials = { kind: 'anonymous' };
const bearer = /^bearer +([\w.~+/=-]+)$/i;

function readBasic(authorization: string | undefined): CallerCredentials {
  if (authorization === undefined) return anonymous;
  const basic = parseBasic(authorization);
  // podman's, of somebody who has not logged in.
  if (basic === undefined || (basic.user === '' && basic.password === '')) return anonymous;
  // A password of nobody is an identity token, as registries give it at a login.
  return { kind: 'password', username: basic.user || '<token>', password: basic.password };
}
