// Represents authorization as a value. Each use case takes one, and only this class creates them.
import type { Caller, Authorize, Decision } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { CallerCredentials } from '@cistern/upstream';
import type { Platforms } from './platforms-of.ts';

/** Returns the error if the caller may not pull content of only these platforms; `undefined` means that it may. */
export type PlatformRule = (platforms: Platforms) => CacheError | undefined;

/** A caller and the repository to pull. */
export interface PullQuestion extends RepositoryKey {
  readonly asker: Caller;
  /** `undefined` for a request by digest, and for lists. */
  readonly tag?: string | undefined;
  /** Whether the access token is for a repository; `undefined` means that no token narrows the request. */
  readonly isInScope?: ((key: RepositoryKey) => boolean) | undefined;
  /** Credentials for upstreams that verify their callers; `undefined` means that there is no such upstream. */
  readonly caller?: CallerCredentials | undefined;
  /** The client's network, by which access checks are limited. */
  readonly network?: string | undefined;
  /** Gets a text for the log when a platform is denied later. */
  readonly facts?: { denied?: string | undefined } | undefined;
}

export type PullDecision =
  | { readonly result: 'allowed'; readonly target: AuthorizedRepository }
  /** `why` is a text for the log. */
  | { readonly result: 'denied'; readonly why: string; readonly error: CacheError }
  /** It may be pulled with another access token. */
  | { readonly result: 'out-of-scope' };

/** A repository of an upstream that the caller may pull. */
export class AuthorizedRepository implements RepositoryKey {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** `undefined` means that all platforms may be pulled. */
  readonly platformRule: PlatformRule | undefined;
  readonly #authorize: Authorize | undefined;
  readonly #question: PullQuestion | undefined;

  /** `authorize` and `question` are unset for operators. */
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

  /** Decides on a pull, for the named upstream and for each other upstream whose content is used. */
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

  /** `undefined` means that no upstream verifies callers, or that it has accepted this one. */
  get caller(): CallerCredentials | undefined {
    return this.#question?.caller;
  }

  /** The client's network; `undefined` means that the request needs no access check. */
  get network(): string | undefined {
    return this.#question?.network;
  }

  /** Returns the repository of the same name at another upstream; `undefined` means that the caller may not pull it there. */
  at(upstream: string): AuthorizedRepository | undefined {
    const question = this.#question;
    if (question === undefined) return AuthorizedRepository.ofOperator({ upstream, repository: this.repository });
    // A denial there is not the result, and is not logged: the named upstream decides then.
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
