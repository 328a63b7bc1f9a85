// Issues tokens for upstreams that verify their callers. Such a token contains the client's encrypted credentials, and is valid
// for five minutes. So every frontend can send the credentials to the upstream, and no frontend stores them. `/token` issues such
// a token to any client, because the upstream itself authorizes each use.
import { CacheError } from '@cistern/errors';
import { type Challenge, parseBasic } from '@cistern/auth';
import type { FastifyReply } from 'fastify';
import type { Seal } from '@cistern/runtime';
import type { CallerCredentials } from '@cistern/upstream';
import { sendJson } from '../http/answer.ts';

/**
 * The path of the token endpoint. Clients use GET, as in distribution's "Token Authentication Specification", or POST, as in its
 * "OAuth2 Token Authentication". containerd uses POST.
 */
export const tokenPath = '/token';

/**
 * The challenge of `/v2/`. Without it docker, podman and crane send no credentials. It is a challenge for a token, because docker
 * without a login fails at a challenge for a password, but can get a token anonymously.
 */
export const callerChallenge: Challenge = { scheme: 'bearer', service: 'cistern', realm: { path: tokenPath } };

/** Issues a token that contains the caller's credentials. Throws `denied` if they are a token. */
export function giveCallerToken(
  tokens: CallerTokens,
  authorization: string | undefined,
  reply: FastifyReply,
): FastifyReply {
  const presented = tokens.read(authorization);
  if (presented.caller.kind === 'token')
    throw new CacheError(
      'denied',
      'A token cannot be exchanged for another one. Send a user name and a password, or no credentials.',
    );
  const { token, expiresInSeconds } = tokens.issue(presented);
  const issued_at = new Date().toISOString();
  const answer = { token, access_token: token, expires_in: expiresInSeconds, issued_at };
  reply.header('cache-control', 'no-store');
  return sendJson(reply, Buffer.from(JSON.stringify(answer)));
}

interface PresentedCaller {
  readonly caller: CallerCredentials;
  /**
   * When the client's token expires, in milliseconds since the epoch. A token that is issued in exchange expires at the same
   * time. Unset if the client did not send a token of this cache.
   */
  readonly untilMs?: number | undefined;
}

export interface CallerTokens {
  issue(presented: PresentedCaller): { readonly token: string; readonly expiresInSeconds: number };
  /**
   * Reads the caller from an `Authorization` header, without verifying the caller: the upstream does that. The caller is
   * anonymous if the header has no credentials. A caller with an expired or invalid token of a Cistern cache is anonymous too.
   */
  read(authorization: string | undefined): PresentedCaller;
}

interface TokenContent {
  readonly schema: 1;
  readonly caller: CallerCredentials;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Five minutes. It is longer than a minute, because clients do not follow a shorter lifetime of a token exactly. */
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
  // podman sends an empty user and password if it has no login.
  if (basic === undefined || (basic.user === '' && basic.password === '')) return anonymous;
  // A password without a user is an identity token, which some registries issue at a login.
  return { kind: 'password', username: basic.user || '<token>', password: basic.password };
}
