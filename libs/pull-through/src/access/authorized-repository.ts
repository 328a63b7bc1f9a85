// Authorisation as a value: a use case cannot be asked for content without one, and only this class makes them.
import type { Asker, Authorize, Decision, Wish } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { CallerCredentials } from '@cistern/upstream';
import type { Platforms } from '../platforms/platforms-of.ts';

/** Why who asks may have nothing that is of these platforms alone; `undefined`: may have it. */
export type PlatformRule = (platforms: Platforms) => CacheError | undefined;

/** Who wants to pull, and what. */
export interface PullQuestion extends RepositoryKey {
  readonly asker: Asker;
  /** Absent for what is asked for by digest, and for lists. */
  readonly tag?: string | undefined;
  /** Whether the access token that was shown is for a repository; absent: it is not narrowed, or none was shown. */
  readonly isInScope?: ((key: RepositoryKey) => boolean) | undefined;
  /** What was shown for upstreams that verify their callers; absent: none does. */
  readonly caller?: CallerCredentials | undefined;
  /** The client's network, by which questions in callers' names are bounded. */
  readonly network?: string | undefined;
  /** Is called with a clause for the log when a platform is denied later, and with `undefined` when it is looked at again. */
  readonly onDenied?: ((why: string | undefined) => void) | undefined;
}

export type PullDecision =
  | { readonly result: 'allowed'; readonly target: AuthorizedRepository }
  /** `why`: a clause for the log. */
  | { readonly result: 'denied'; readonly why: string; readonly error: CacheError }
  /** It may be pulled with another access token. */
  | { readonly result: 'out-of-scope' };

/** A repository of an upstream that somebody may pull. */
export class AuthorizedRepository implements RepositoryKey {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** Absent: all platforms. */
  readonly platformRule: PlatformRule | undefined;
  /** Absent: no upstream asks for it, or the one that does has been asked. */
  readonly caller: CallerCredentials | undefined;
  /** Where the caller is; absent: nobody asks on anybody's behalf. */
  readonly network: string | undefined;
  /** The repository of the same name at another upstream; `undefined`: it may not be pulled there. */
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

  /** The one decision of who may pull what, for the named upstream and for each other whose content is to be used. */
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

  /** The upstream that verifies its callers has let this one in; what was shown to it goes no further. */
  withoutCaller(): AuthorizedRepository {
    return new AuthorizedRepository({ upstream: this.upstream, repository: this.repository }, this.platformRule, this.at);
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
