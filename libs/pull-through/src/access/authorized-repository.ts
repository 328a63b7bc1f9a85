// Represents the authorization of a pull as a value. Each use case requires such a value, and only this class creates one, so
// no use case runs without authorization.
import type { Caller, Authorize, Decision } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { CallerCredentials } from '@cistern/upstream';
import type { Platforms } from './platforms-of.ts';

/**
 * Returns an error if the caller may not pull content that has only these platforms. `undefined` means that the caller may pull
 * it.
 */
export type PlatformRule = (platforms: Platforms) => CacheError | undefined;

/** A caller, and the repository that the caller wants to pull. */
export interface PullQuestion extends RepositoryKey {
  readonly asker: Caller;
  /** `undefined` for a request by digest, and for lists. */
  readonly tag?: string | undefined;
  /** Returns whether the caller's access token covers a repository. `undefined` means that no token limits the request. */
  readonly isInScope?: ((key: RepositoryKey) => boolean) | undefined;
  /** The credentials for upstreams that verify their callers. `undefined` means that no upstream does. */
  readonly caller?: CallerCredentials | undefined;
  /** The client's network. Access checks are limited for each network. */
  readonly network?: string | undefined;
  /** Receives a text for the log if a platform is denied later. */
  readonly facts?: { denied?: string | undefined } | undefined;
}

export type PullDecision =
  | { readonly result: 'allowed'; readonly target: AuthorizedRepository }
  /** `why` is a text for the log. */
  | { readonly result: 'denied'; readonly why: string; readonly error: CacheError }
  /** The caller may pull the repository, but needs another access token for it. */
  | { readonly result: 'out-of-scope' };

/** A repository of an upstream that the caller may pull. */
export class AuthorizedRepository implements RepositoryKey {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** The rule for platforms. `undefined` means that all platforms may be pulled. */
  readonly platformRule: PlatformRule | undefined;
  readonly #authorize: Authorize | undefined;
  readonly #question: PullQuestion | undefined;

  /** `authorize` and `question` are unset for an operator. */
  private constructor(
    { upstream, repository }: RepositoryKey,
    platformRule?: PlatformRule,
    authorize?: Authorize,
    question?: PullQuestion,
  ) {
    this.upstream = upstream;
    this.repository = repository;
    this.platformRule = platformRule;
    this.#authorize = authorize;
    this.#question = question;
  }

  /** Decides whether the caller may pull the repository. `at` decides again for another upstream whose content is used. */
  static decide(authorize: Authorize, question: PullQuestion): PullDecision {
    const decision = authorize(question.asker, question);
    if (!decision.isAllowed) return { result: 'denied', why: decision.why, error: denialOf(decision) };
    if (question.isInScope?.(question) === false) return { result: 'out-of-scope' };
    const rule = decision.dependsOnPlatform ? platformRuleOf(authorize, question) : undefined;
    return { result: 'allowed', target: new AuthorizedRepository(question, rule, authorize, question) };
  }

  /** Authorizes an operator, who may pull everything that the cache may pull. */
  static ofOperator(key: RepositoryKey): AuthorizedRepository {
    return new AuthorizedRepository(key);
  }

  /**
   * The caller's credentials. `undefined` means that no upstream verifies callers, or that the upstream has accepted this
   * caller.
   */
  get caller(): CallerCredentials | undefined {
    return this.#question?.caller;
  }

  /** The client's network. `undefined` means that the request needs no access check. */
  get network(): string | undefined {
    return this.#question?.network;
  }

  /** Returns the repository of the same name at another upstream. `undefined` means that the caller may not pull it there. */
  at(upstream: string): AuthorizedRepository | undefined {
    const question = this.#question;
    if (question === undefined) return AuthorizedRepository.ofOperator({ upstream, repository: this.repository });
    // A denial at the other upstream is not logged, because the upstream of the request still decides.
    const otherQuestion = { ...question, upstream, tag: undefined, facts: undefined };
    const otherDecision = AuthorizedRepository.decide(this.#authorize!, otherQuestion);
    return otherDecision.result === 'allowed' ? otherDecision.target : undefined;
  }

  /** Returns the same authorization without credentials, for use after the upstream has accepted the caller. */
  withoutCaller(): AuthorizedRepository {
    const question = this.#question && { ...this.#question, caller: undefined, network: undefined };
    return new AuthorizedRepository(this, this.platformRule, this.#authorize, question);
  }
}

/** Returns a rule that denies content if all of its platforms are denied. */
function platformRuleOf(
  authorize: Authorize,
  { upstream, repository, tag, asker, facts = {} }: PullQuestion,
): PlatformRule {
  return (platforms) => {
    facts.denied = undefined;
    const decisions = platforms.map((platform) => authorize(asker, { upstream, repository, tag, platform }));
    const denied = decisions.find(({ isAllowed }) => !isAllowed);
    if (denied?.isAllowed !== false || decisions.some(({ isAllowed }) => isAllowed)) return undefined;
    facts.denied = denied.why;
    return denialOf(denied);
  };
}

function denialOf({ reason }: Extract<Decision, { isAllowed: false }>): CacheError {
  return new CacheError('denied', `Denied: ${reason ?? 'you may not pull this from this cache'}.`);
}
