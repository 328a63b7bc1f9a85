// Authenticates requests with Basic or Bearer. The upstream names the scheme in a 401. After the upstream has accepted
// a request with a scheme, later requests use that scheme without waiting for a 401.
import { CacheError, isCacheError } from '@cistern/errors';
import type { Account, Verifier } from './account.ts';
import { isIdentityToken, type UpstreamCredentials } from '../credentials/credential-source.ts';
import {
  nameUpstream,
  type UpstreamIdentity,
  type TransportLayer,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicAuthorization } from './token-request.ts';
import type { BearerScheme, TokenSource } from './token-source.ts';

type Scheme = { readonly kind: 'basic' } | ({ readonly kind: 'bearer' } & BearerScheme);

interface Proof {
  readonly authorization: string;
  /** The credentials of a Basic proof. Unset for Bearer. */
  readonly credentials?: UpstreamCredentials;
  /** `undefined` means Basic. */
  readonly token: string | undefined;
  /** True if a 401 to this proof is final, so that no further proof is tried. */
  readonly final: boolean;
}

/**
 * Limits the further proofs after a 401. One is not enough, because a token that another process stored in a shared
 * cache may be invalid too. A refused token that was issued for this request is not renewed.
 */
const maxRenewals = 2;

export interface AuthorizeOptions {
  readonly upstream: UpstreamIdentity;
  readonly account: Account;
  readonly tokens: TokenSource;
}

/**
 * Resolves to a 401 of the upstream only if the upstream refused a valid token. The repository is then missing or
 * private. Rejects with `upstream-refused-us` if the upstream requires credentials that are missing or refused. If no
 * proof is available, the request is sent without one. If the upstream then answers 401, 403, 404 or 410, rejects with
 * the reason why no proof is available.
 */
export function authorize({ upstream, account, tokens }: AuthorizeOptions): TransportLayer {
  // One upstream is one origin. Responses of other origins, after a redirect, are returned unchanged.
  /**
   * The scheme that the upstream accepted last. It is only a hint, because repositories of one upstream may require
   * different schemes or none.
   */
  let accepted: Scheme | undefined;

  async function prove(scheme: Scheme, request: TransportRequest, refused: string | undefined): Promise<Proof> {
    const { repository, signal } = request;
    if (scheme.kind === 'basic') {
      const credentials = await account.credentials(signal, verifierOf(request));
      if (credentials === undefined)
        throw refusal('requires a user name and a password, and none are configured for this upstream');
      if (isIdentityToken(credentials))
        throw refusal('requires a user name and a password, but only an identity token is configured');
      return { authorization: basicAuthorization(credentials), credentials, token: undefined, final: true };
    }
    if (repository === undefined) throw refusal('requires a token, but the request names no repository');
    const { token, fresh } = await tokens({ scheme, repository, refused, signal });
    return { authorization: `Bearer ${token}`, token, final: fresh };
  }

  function refusal(why: string): CacheError {
    return new CacheError('upstream-refused-us', `${nameUpstream(upstream)} ${why}.`, {
      detail: { upstream: upstream.name },
    });
  }

  return (next) => async (request) => {
    const send = (proof: Proof | undefined): ReturnType<typeof next> =>
      next(
        proof === undefined
          ? request
          : { ...request, headers: { ...request.headers, authorization: proof.authorization } },
      );
    const succeed = (scheme: Scheme, shown: UpstreamCredentials | undefined): void => {
      if (!isAccepted(response, request)) return;
      accepted = scheme;
      if (shown !== undefined) account.accepted(shown, verifierOf(request));
    };
    const hint = accepted;
    const first = hint && (await attempt(prove(hint, request, undefined), request));
    let proof = first?.proof;
    let response = await send(proof);
    if (!isRefused(response, request)) {
      if (first?.error !== undefined && mayNeedProof(response, request)) throw first.error;
      if (hint !== undefined && proof !== undefined) succeed(hint, proof.credentials);
      // The upstream did not require a proof, so the hint is removed. A newer hint of another request stays.
      else if (accepted === hint) accepted = undefined;
      return response;
    }

    const scheme = chooseScheme(parseChallenges(response.headers['www-authenticate']));
    if (scheme === undefined) throw refusal('requires authentication but names no supported scheme (Basic or Bearer)');
    const isAsHinted = hint !== undefined && isSameScheme(hint, scheme);
    if (isAsHinted && first?.error !== undefined) throw first.error;
    let mayRenew = !isAsHinted || proof?.final !== true;
    for (let renewals = 0; mayRenew && renewals < maxRenewals; renewals += 1) {
      proof = await prove(scheme, request, proof?.token);
      response = await send(proof);
      mayRenew = isRefused(response, request) && !proof.final;
    }
    const shown = proof?.credentials;
    if (!isRefused(response, request)) {
      succeed(scheme, shown);
      return response;
    }
    if (shown !== undefined) account.refused(shown, verifierOf(request));
    if (proof?.token === undefined) throw refusal('did not accept the configured user name and password');
    return response;
  };
}

/**
 * Resolves to the error of a proof instead of rejecting. The request is then sent without a proof, because its
 * repository may require another one or none.
 */
async function attempt(
  proving: Promise<Proof>,
  { signal }: TransportRequest,
): Promise<{ readonly proof?: Proof; readonly error?: CacheError }> {
  try {
    return { proof: await proving };
  } catch (error) {
    if (signal.aborted || !isCacheError(error)) throw error;
    return { error };
  }
}

function verifierOf({ url, repository }: TransportRequest): Verifier {
  return { url: url.origin, repository };
}

/**
 * Reports whether the upstream itself answered 401. A 401 of another server, after a redirect, must not receive our
 * credentials.
 */
function isRefused({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return status === 401 && url.origin === request.url.origin;
}

/**
 * Reports whether the registry accepted the proof. A redirect to another server shows that, even if that server answers
 * with an error.
 */
function isAccepted({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return url.origin !== request.url.origin || status < 400 || status === 404;
}

/**
 * Reports whether a proof could change the response. A registry may deny a private repository to anonymous requests, or
 * report it as missing.
 */
function mayNeedProof({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return url.origin === request.url.origin && [403, 404, 410].includes(status);
}

/** Prefers Bearer to Basic, because with Bearer our password is sent only to the token server. */
function chooseScheme(challenges: readonly Challenge[]): Scheme | undefined {
  for (const { scheme, parameters } of challenges) {
    const realm = parameters.get('realm');
    if (scheme !== 'bearer' || realm === undefined) continue;
    const scope = parameters.get('scope');
    const extraScope = scope === undefined || scope.startsWith('repository:') ? undefined : scope;
    return { kind: 'bearer', realm, service: parameters.get('service'), extraScope };
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

function isSameScheme(one: Scheme, other: Scheme): boolean {
  if (one.kind === 'basic' || other.kind === 'basic') return one.kind === other.kind;
  return one.realm === other.realm && one.service === other.service && one.extraScope === other.extraScope;
}
