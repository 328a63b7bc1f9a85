// Authorisation as a value: a use case cannot be asked for content without one, and only this class makes them.
import type { Asker, Authorize, Decision } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { CallerCredentials } from '@cistern/upstream';
import type { Platforms } from './platforms-of.ts';

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
  /** Gets a clause for the log when a platform is denied later. */
  readonly facts?: { denied?: string | undefined } | undefined;
}

export type PullDecision =
  | { readonly result: 'allowed'; readonly target: AuthorizedRepository }
  /** `why`: a clause for the log. */
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

  /** For operators there is no question. */
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

  /** The one decision on a pull, for the named upstream and for each other upstream whose content is to be used. */
  static decide(authorize: Authorize, question: PullQuestion): PullDecision {
    const decision = authorize(question.asker, question);
    if (!decision.isAllowed) return { result: 'denied', why: decision.why, error: denialOf(decision) };
    if (question.isInScope?.(question) === false) return { result: 'out-of-scope' };
    const rule = decision.dependsOnPlatform ? platformRuleOf(authorize, question) : undefined;
    return { result: 'allowed', target: new AuthorizedRepository(question, rule, authorize, question) };
  }

  /** For operators, who may pull everything that the cache may. */
  static ofOperator(key: RepositoryKey): AuthorizedRepository {
    return new AuthorizedRepository(key);
  }

  /** `undefined` means that no upstream asks for credentials, or that it has accepted them. */
  get caller(): CallerCredentials | undefined {
    return this.#question?.caller;
  }

  /** The client's network; `undefined` means that no question is asked for a caller. */
  get network(): string | undefined {
    return this.#question?.network;
  }

  /** The repository of the same name at another upstream; `undefined` means that the caller may not pull it there. */
  at(upstream: string): AuthorizedRepository | undefined {
    const question = this.#question;
    if (question === undefined) return AuthorizedRepository.ofOperator({ upstream, repository: this.repository });
    // A denial there is not the answer: the named upstream decides then.
    const elsewhere = { ...question, upstream, tag: undefined, facts: undefined };
    const there = AuthorizedRepository.decide(this.#authorize!, elsewhere);
    return there.result === 'allowed' ? there.target : undefined;
  }

  /** For use once the upstream has accepted the caller: the credentials go no further. */
  withoutCaller(): AuthorizedRepository {
    const question = this.#question && { ...this.#question, caller: undefined, network: undefined };
    return new AuthorizedRepository(this, this.platformRule, this.#authorize, question);
  }
}

/** Denies what is of denied platforms alone. */
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
