// Obtains bearer tokens. A registry's token server issues them for our credentials or for anonymous requests.
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { Account, Verifier } from './account.ts';
import { isIdentityToken, type UpstreamCredentials } from '../credentials/credential-source.ts';
import type { CachedToken, ObtainedToken, TokenCache } from '../token-cache.ts';
import { nameUpstream, type UpstreamIdentity, type Transport } from './transport.ts';
import { toTokenError, toTokenRequest, checkRealm } from './token-request.ts';
import { createSingleFlight } from '@cistern/runtime';

const maxAnswerBytes = 256 * 1024;
/** The lifetime if the response has none, as in the specification. */
const defaultLifetimeSeconds = 60;
/** Limits the lifetime, because one upstream has sent 300000000000 seconds. */
const maxLifetimeSeconds = 3600;
const renewBeforeEndMs = 10_000;
/** The characters that a token in a header may have (RFC 6750 section 2.1, applied generously). */
const tokenPattern = /^[\x21-\x7e]+$/;

/** The token server of a registry and the parameters of its token requests, from the challenge. */
export interface BearerScheme {
  readonly realm: string;
  readonly service: string | undefined;
  /** The scope in the challenge, if it is not a repository's (public.ecr.aws sends `aws`). */
  readonly extraScope: string | undefined;
}

interface TokenRequest {
  readonly scheme: BearerScheme;
  readonly repository: RepositoryName;
  /** The token to which the upstream has just answered 401. It is not used again. */
  readonly refused: string | undefined;
  readonly signal: AbortSignal;
}

interface IssuedToken {
  readonly token: string;
  /** True if the token is not from the cache. A 401 to such a token concerns the repository, not the token. */
  readonly fresh: boolean;
}

export interface TokenSourceOptions {
  readonly upstream: UpstreamIdentity;
  readonly account: Account;
  readonly cache: TokenCache;
  readonly transport: Transport;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** The operation in metrics. Default: `token`, for our own calls. */
  readonly operation?: 'token' | 'check-access' | undefined;
}

/** Concurrent requests for one scope make one request to the token server. */
export type TokenSource = (request: TokenRequest) => Promise<IssuedToken>;

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { upstream, account, cache, transport, clock, operation = 'token' } = options;
  const share = createSingleFlight<ObtainedToken>();

  async function issue(
    wanted: TokenRequest,
    scope: string,
    credentials: UpstreamCredentials | undefined,
  ): Promise<CachedToken> {
    const { scheme, signal } = wanted;
    const request = toTokenRequest({
      realm: await checkRealm(upstream, scheme.realm),
      service: scheme.service,
      scopes: scheme.extraScope === undefined ? [scope] : [scope, scheme.extraScope],
      credentials,
    });
    const requestedAtMs = clock();
    const answered = await transport({ operation, ...request, signal, maxBodyBytes: maxAnswerBytes });
    // An OAuth 2 server refuses credentials with 400 (RFC 6749 section 5.2).
    const refused = request.method === 'POST' && answered.status === 400;
    const response = refused ? { ...answered, status: 401 } : answered;
    if (credentials !== undefined) {
      // A 403 does not count as a refusal of the credentials, because it may concern only this repository.
      if (response.status === 401) account.refused(credentials, verifierOf(wanted));
      else if (response.status === 200) account.accepted(credentials, verifierOf(wanted));
    }
    if (response.status !== 200) throw toTokenError(upstream, response, credentials !== undefined, requestedAtMs);
    const answer = parseAnswer(response.bytes);
    if (answer === undefined)
      throw new CacheError(
        'content-mismatch',
        `${nameUpstream(upstream, request.url.host)} answered without a usable token.`,
      );
    return { token: answer.token, usableUntilMs: requestedAtMs + answer.lifetimeSeconds * 1000 - renewBeforeEndMs };
  }

  return async (request) => {
    const { scheme, repository, refused, signal } = request;
    const credentials = await account.credentials(signal, verifierOf(request));
    const scope = `repository:${repository}:pull`;
    const audience = JSON.stringify([upstream.url.href, scheme.realm, scheme.service, scheme.extraScope]);
    const key = { upstream: upstream.name, account: credentials && holderOf(credentials, account), scope, audience };
    // The refused token is part of the key, because the flights of other requests may return exactly that token from
    // the cache.
    const flight = JSON.stringify([scope, audience, refused]);
    const { token, issued: fresh } = await share(flight, signal, async (sharedSignal) =>
      cache.obtain(key, {
        isUsable: (kept) => kept.token !== refused && kept.usableUntilMs > clock(),
        issue: async () => issue({ ...request, signal: sharedSignal }, scope, credentials),
        signal: sharedSignal,
      }),
    );
    return { token, fresh };
  };
}

function verifierOf({ scheme, repository }: TokenRequest): Verifier {
  return { url: scheme.realm, repository };
}

/**
 * Returns the account of a token for the cache key. Identity tokens have no user name, so the account's name is added.
 */
function holderOf(credentials: UpstreamCredentials, { name }: Account): string {
  return isIdentityToken(credentials) ? `${credentials.username} ${name}` : credentials.username;
}

function parseAnswer(bytes: Buffer | undefined): { token: string; lifetimeSeconds: number } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(bytes?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { token, access_token: accessToken, expires_in: expiresIn } = answer as Record<string, unknown>;
  const chosen = typeof token === 'string' && token !== '' ? token : accessToken;
  if (typeof chosen !== 'string' || !tokenPattern.test(chosen)) return undefined;
  const lifetime = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn : defaultLifetimeSeconds;
  return { token: chosen, lifetimeSeconds: Math.min(lifetime, maxLifetimeSeconds) };
}
