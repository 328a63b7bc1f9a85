// Whom a request comes from, for upstreams that verify their callers: nobody here judges it.
import { parseBasic } from '@cistern/auth';
import type { CallerCredentials } from '@cistern/upstream';
import type { CallerTokens, ShownCaller } from './caller-tokens.ts';

const anonymous: CallerCredentials = { kind: 'anonymous' };
const bearer = /^bearer +([\w.~+/=-]+)$/i;

/** What is no credential that an upstream could know is none. */
export function callerOf(authorization: string | undefined, tokens: CallerTokens): CallerCredentials {
  return shownBy(authorization, tokens).caller;
}

/** As `callerOf`, with the end of the token that was shown, if it is one of ours. */
export function shownBy(authorization: string | undefined, tokens: CallerTokens): ShownCaller {
  const token = bearer.exec(authorization ?? '')?.[1];
  if (token === undefined) return { caller: readBasic(authorization) };
  return tokens.isOurs(token) ? (tokens.open(token) ?? { caller: anonymous }) : { caller: { kind: 'token', token } };
}

function readBasic(authorization: string | undefined): CallerCredentials {
  if (authorization === undefined) return anonymous;
  const basic = parseBasic(authorization);
  // podman's, of somebody who has not logged in.
  if (basic === undefined || (basic.user === '' && basic.password === '')) return anonymous;
  // A password of nobody is an identity token, as registries give it at a login.
  return { kind: 'password', username: basic.user || '<token>', password: basic.password };
}
