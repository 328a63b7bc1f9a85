// Authorisation as a value: a use case cannot be asked for content without one, and only this class makes them.
import type { Asker, Authorize, Decision, Wish } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { CallerCredentials } from '@cistern/upstream';
import type { Platforms } from '../platforms/platforms-of.ts';

/** Why the caller may not have content that is of these platforms alone; `undefined` means that it may. */
export type PlatformRule = (platforms: Platforms) => CacheError | undefined;

/** A caller and the repository that it wants to pull. */
export interface PullQuestion extends RepositoryKey {
  readonly asker: Asker;
  /** `undefined` for a request by digest, and for lists. */
  readonly tag?: string | undefined;
  /** Whether the access token is for a repository; `undefined` means that no token narrows the request. */
  readonly isInScope?: ((key: RepositoryKey) => boolean) | undefined;
  /** Credentials for upstreams that verify their callers; `undefined` means that there is no such upstream. */
  readonly caller?: CallerCredentials | undefined;
  /** The client's network, by which questions in callers' names are bounded. */
  readonly network?: string | undefined;
  /** Is called with a clause for the log when a platform is denied later, and with `undefined` before each check. */
  readonly onDenied?: ((why: string | undefined) => void) | undefined;
}

export type PullDecision =
  | { readonly result: 'allowed'; readonly target: AuthorizedRepository }
  /** `why`: a clause for the log. */
  | { readonly result: 'denied'; readonly why: string; readonly error: CacheError }
  /** It may be pulled with another access token. */
  | { readonly result: 'out-of-scope' };

/** A repository of an upstream that the caller may pull. */
export class AuthorizedRepository implements RepositoryKey {
  /** For the compiler: an object of the same shape is none. */
  declare protected readonly __brand: 'AuthorizedRepository';
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** `undefined` means that all platforms may be pulled. */
  readonly platformRule: PlatformRule | undefined;
  /** `undefined` means that no upstream asks for credentials, or that it has accepted them. */
  readonly caller: CallerCredentials | undefined;
  /** The client's network; `undefined` means that no question is asked for a caller. */
  readonly network: string | undefined;
  /** The repository of the same name at another upstream; `undefined` means that the caller may not pull it there. */
  readonly at: (upstream: string) => AuthorizedRepository | undefined;

  private constructor(
    { upstream, repository, caller, network }: Pick<PullQuestion, 'upstream' | 'repository' | 'caller' | 'network'>,
    platformRule: PlatformRule | undefined,
    at: (upstream: string) => AuthorizedRepository | undefined,
  ) {
    this.upstream = upstream;
    this.repository = repository;
    this.caller = caller;
    this.network = network;
    this.platformRule = platformRule;
    this.at = at;
  }

  /** The one decision on a pull, for the named upstream and for each other upstream whose content is to be used. */
  static decide(authorize: Authorize, question: PullQuestion): PullDecision {
    const { asker, upstream, repository, tag } = question;
    const wish = { upstream, repository, tag };
    const decision = authorize(asker, wish);
    if (!decision.isAllowed) return { result: 'denied', why: decision.why, error: denialOf(decision) };
    if (question.isInScope?.(question) === false) return { result: 'out-of-scope' };
    const rule = decision.dependsOnPlatform ? platformRuleOf(authorize, wish, question) : undefined;
    const at = (other: string) => {
      // A denial there is not the answer: the named upstream decides then.
      const elsewhere = { ...question, upstream: other, tag: undefined, onDenied: undefined };
      const there = AuthorizedRepository.decide(authorize, elsewhere);
      return there.result === 'allowed' ? there.target : undefined;
    };
    return { result: 'allowed', target: new AuthorizedRepository(question, rule, at) };
  }

  /** For operators, who may pull everything that the cache may. */
  static ofOperator({ upstream, repository }: RepositoryKey): AuthorizedRepository {
    const at = (other: string) => AuthorizedRepository.ofOperator({ upstream: other, repository });
    return new AuthorizedRepository({ upstream, repository }, undefined, at);
  }

  /** For use once the upstream has accepted the caller: the credentials go no further. */
  withoutCaller(): AuthorizedRepository {
    return new AuthorizedRepository(
      { upstream: this.upstream, repository: this.repository },
      this.platformRule,
      this.at,
    );
  }
}

/** Denies what is of denied platforms alone. */
function platformRuleOf(authorize: Authorize, wish: Wish, { asker, onDenied }: PullQuestion): PlatformRule {
  return (platforms) => {
    onDenied?.(undefined);
    const decisions = platforms.map((platform) => authorize(asker, { ...wish, platform }));
    const denied = decisions.find(({ isAllowed }) => !isAllowed);
    if (denied?.isAllowed !== false || decisions.some(({ isAllowed }) => isAllowed)) return undefined;
    onDenied?.(denied.why);
    return denialOf(denied);
  };
}

function denialOf({ reason }: Extract<Decision, { isAllowed: false }>): CacheError {
  return new CacheError('denied', `Denied: ${reason ?? 'you may not pull this from this cache'}.`);
}
