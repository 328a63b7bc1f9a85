// Proves who we are in the way an upstream asks for. A 401 names the scheme. Once a request that used a scheme has been
// accepted, later requests use it from the start.
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
  /** What a Basic one is made of. */
  readonly credentials?: UpstreamCredentials;
  /** `undefined`: Basic. */
  readonly token: string | undefined;
  /** A 401 in answer to this proof is final. */
  readonly final: boolean;
}

/** A token that another process put into a shared cache may be as void as ours was; one issued for the request is final. */
const maxRenewals = 2;

export interface AuthorizeOptions {
  readonly upstream: UpstreamIdentity;
  readonly account: Account;
  readonly tokens: TokenSource;
}

/**
 * Passes on a 401 only if a token issued for this very request was refused: then the repository is missing or private.
 * Rejects with `upstream-refused-us` if upstream wants credentials that we do not have or has refused those we have, and
 * with the reason if a proof cannot be had and upstream answers 401, 403, 404 or 410 without one.
 */
export function authorize({ upstream, account, tokens }: AuthorizeOptions): TransportLayer {
  // One upstream is one origin: what others answer, behind a redirect, is passed on as it is.
  /** A hint, never more: repositories of one upstream may ask for different schemes, or for none. */
  let accepted: Scheme | undefined;

  async function prove(scheme: Scheme, request: TransportRequest, refused: string | undefined): Promise<Proof> {
    const { repository, signal } = request;
    if (scheme.kind === 'basic') {
      const credentials = await account.credentials(signal, verifierOf(request));
      if (credentials === undefined)
        throw refusal('wants a user name and a password, and none are configured for this upstream');
      if (isIdentityToken(credentials))
        throw refusal('wants a user name and a password, and an identity token is neither');
      return { authorization: basicAuthorization(credentials), credentials, token: undefined, final: true };
    }
    if (repository === undefined) throw refusal('wants a token for a request that is about no repository');
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
      // A hint that could not be used here and was not needed is dropped. Another request may have set a better one.
      else if (accepted === hint) accepted = undefined;
      return response;
    }

    const scheme = chooseScheme(parseChallenges(response.headers['www-authenticate']));
    if (scheme === undefined) throw refusal('wants us to authenticate and does not say how');
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

/** A proof that cannot be had is no reason not to ask: this repository may ask for another one, or for none. */
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

/** By the upstream itself: what others answer, behind a redirect, is no question to us. */
function isRefused({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return status === 401 && url.origin === request.url.origin;
}

/** Shows that the registry has checked what it was shown. A redirect to others shows it, whatever they answer. */
function isAccepted({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return url.origin !== request.url.origin || status < 400 || status === 404;
}

/** A registry may deny, or say that it does not have, what it hides from those who prove nothing. */
function mayNeedProof({ status, url }: TransportResponse, request: TransportRequest): boolean {
  return url.origin === request.url.origin && [403, 404, 410].includes(status);
}

/** Bearer before Basic: with a token our password goes to the token server only. */
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
