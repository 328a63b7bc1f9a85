// Authenticates requests with the scheme of the upstream. A 401 names the scheme. Once the upstream has accepted a
// request with a scheme, later requests use it from the start.
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
  /** The credentials of a Basic proof. */
  readonly credentials?: UpstreamCredentials;
  /** `undefined` means Basic. */
  readonly token: string | undefined;
  /** Set if a 401 to this proof is final. */
  readonly final: boolean;
}

/**
 * A token that another process stored in a shared cache may be invalid too. A token that was issued for the request is
 * final.
 */
const maxRenewals = 2;

export interface AuthorizeOptions {
  readonly upstream: UpstreamIdentity;
  readonly account: Account;
  readonly tokens: TokenSource;
}

/**
 * Passes a 401 on only if a token issued for this request was refused: then the repository is missing or private.
 * Rejects with `upstream-refused-us` if the upstream requires credentials that are missing or refused. If a proof is
 * unavailable and the upstream answers 401, 403, 404 or 410 without it, rejects with the reason.
 */
export function authorize({ upstream, account, tokens }: AuthorizeOptions): TransportLayer {
  // One upstream is one origin. Answers of other servers, behind a redirect, are passed on unchanged.
  /** Only a hint: repositories of one upstream may require different schemes, or none. */
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
    if (repository === undefined) throw refusal('requires a token for a request without a repository');
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
      // A hint that was unusable and not needed is dropped. Another request may have set a better one.
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
 * Resolves with an error instead of throwing it. The request is sent without the proof, because this repository may
 * need a different one or none.
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

/** Whether the upstream itself answered 401. A 401 of another server, behind a redirect, is no challenge to us. */
function isRefused({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return status === 401 && url.origin === request.url.origin;
}

/**
 * Whether the registry has checked the proof. A redirect to another server proves it, for any answer of that server.
 */
function isAccepted({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return url.origin !== request.url.origin || status < 400 || status === 404;
}

/**
 * Whether the answer may depend on a proof. A registry may deny a private repository to anonymous requests, or report
 * it as missing.
 */
function mayNeedProof({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return url.origin === request.url.origin && [403, 404, 410].includes(status);
}

/** Chooses Bearer before Basic: with a token our password is sent to the token server only. */
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
