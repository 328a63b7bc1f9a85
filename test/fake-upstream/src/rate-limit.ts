// Docker Hub's two limits. The first is a budget of manifest GETs per account or address, reported in headers. The
// second is a bare 429 for too many requests of any kind.
import { type Answer, answer, errorAnswer } from './answers/answer.ts';
import type { Target } from './target.ts';

export interface RateLimitOptions {
  /** Manifest GETs per account, or for all anonymous requests. The budget does not refill automatically. */
  readonly limit: number;
  /** Only reported, not enforced. Default: 21600, which is Docker Hub's six hours. */
  readonly windowSeconds?: number;
  /** Limits for single users, by user name. */
  readonly limitOf?: Readonly<Record<string, number>>;
  /** `docker-ratelimit-source` for anonymous requests. Default: 203.0.113.7. For an account it is the user name. */
  readonly source?: string;
  /** Refuses HEAD too once the budget is spent. Default: HEAD never fails. */
  readonly refuseHead?: boolean;
}

export interface AbuseLimitOptions {
  readonly requests: number;
  readonly windowMs: number;
}

export interface RateLimitControls {
  /** `subject` is a user name. Default: `anonymous`. */
  setRemaining(remaining: number, subject?: string): void;
  remaining(subject?: string): number;
}

export interface RateLimit extends RateLimitControls {
  /** Counts this request, and returns the bare 429 if there are too many. */
  refuseAbuse(): Answer | undefined;
  refuseSpent(target: Target, subject: string): Answer | undefined;
  /** Counts a pull and adds the headers with the remaining pulls. */
  account(target: Target, subject: string, answered: Answer): Answer;
}

export function createRateLimit(
  options: RateLimitOptions | undefined,
  abuse: AbuseLimitOptions | undefined,
): RateLimit {
  const left = new Map<string, number>();
  const limitOf = (subject: string) => options?.limitOf?.[subject] ?? options?.limit ?? Number.POSITIVE_INFINITY;
  const remaining = (subject = 'anonymous') => left.get(subject) ?? limitOf(subject);
  let recent: number[] = [];

  function headers(subject: string): Record<string, string> {
    const window = `w=${options?.windowSeconds ?? 21_600}`;
    return {
      'ratelimit-limit': `${limitOf(subject)};${window}`,
      'ratelimit-remaining': `${remaining(subject)};${window}`,
      'docker-ratelimit-source': subject === 'anonymous' ? (options?.source ?? '203.0.113.7') : subject,
    };
  }

  return {
    refuseAbuse() {
      if (abuse === undefined) return undefined;
      // real-time: a rate limit counts the requests of a period
      const nowMs = Date.now();
      recent = [...recent.filter((atMs) => nowMs - atMs < abuse.windowMs), nowMs];
      return recent.length > abuse.requests
        ? answer(429, { 'content-type': 'text/plain' }, 'Too Many Requests')
        : undefined;
    },
    refuseSpent({ endpoint, method }, subject) {
      const limited = endpoint === 'manifest' && (method === 'GET' || options?.refuseHead === true);
      if (options === undefined || !limited || remaining(subject) > 0) return undefined;
      const message =
        'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit';
      return errorAnswer(429, 'TOOMANYREQUESTS', message, headers(subject));
    },
    account({ endpoint, method }, subject, answered) {
      if (options === undefined || endpoint !== 'manifest' || answered.status !== 200) return answered;
      if (method === 'GET') left.set(subject, remaining(subject) - 1);
      return { ...answered, headers: { ...answered.headers, ...headers(subject) } };
    },
    setRemaining: (value, subject = 'anonymous') => void left.set(subject, value),
    remaining,
  };
}
