// Decides how long an upstream is not asked again for one caller about one repository. There is a pause after a 429 and a
// breaker after failures in a row. Other callers are not affected.
import { CacheError, isCacheError } from '@cistern/errors';
import { nextPause, type Pause } from '../budget/budget.ts';
import {
  parseRetryAfterMs,
  isServerFailure,
  type Transport,
  type TransportLayer,
  type TransportResponse,
  nameUpstream,
  type UpstreamIdentity,
  withRetryAfter,
} from '../transport/transport.ts';

/** As the breaker of the upstream's own calls: each with its retries, without a success between them. */
const maxFailures = 5;
const restMs = 5_000;

/**
 * Rejects with `upstream-rate-limited` during a pause and with `upstream-unreachable` while the breaker is open. After that
 * the next question is asked: another failure opens the breaker again.
 */
export function createCallerRest(upstream: UpstreamIdentity, clock: () => number): TransportLayer {
  let pause: Pause | undefined;
  let failures = 0;
  let openUntilMs = 0;
  /** The last failure may be this worker's own. */
  let isLocal = false;

  function refuseWhileResting(): void {
    const pauseMs = (pause?.untilMs ?? 0) - clock();
    if (pauseMs > 0) throw refusal('upstream-rate-limited', 'answers you too many requests', pauseMs);
    const openMs = openUntilMs - clock();
    if (openMs > 0) throw refusal('upstream-unreachable', 'has failed to answer you again and again', openMs);
  }

  function refusal(kind: 'upstream-rate-limited' | 'upstream-unreachable', why: string, forMs: number): CacheError {
    const message = `${nameUpstream(upstream)} ${why}. It is asked for you again in ${Math.ceil(forMs / 1000)} s.`;
    return new CacheError(kind, message, {
      detail: { upstream: upstream.name },
      retryable: true,
      retryAfterMs: forMs,
      isLocal: kind === 'upstream-unreachable' && isLocal,
    });
  }

  function note(outcome: 'answered' | 'failed'): void {
    failures = outcome === 'failed' ? failures + 1 : 0;
    if (failures >= maxFailures) openUntilMs = clock() + restMs;
  }

  /** Returns for how long, in milliseconds. */
  function throttled(requestedAtMs: number, retryAfterMs: number | undefined): number {
    pause = nextPause(pause, { requestedAtMs, retryAfterMs }, { nowMs: clock(), random: Math.random() }) ?? pause;
    return (pause?.untilMs ?? 0) - clock();
  }

  async function exchange(next: Transport, request: Parameters<Transport>[0]): Promise<TransportResponse> {
    refuseWhileResting();
    const requestedAtMs = clock();
    try {
      const response = await next(request);
      const isOwn = response.url.origin === request.url.origin;
      note(isOwn && isServerFailure(response.status) ? 'failed' : 'answered');
      isLocal = false;
      if (!isOwn || response.status !== 429) return response;
      const retryAfterMs = throttled(requestedAtMs, parseRetryAfterMs(response.headers, clock()));
      return { ...response, retryAfterMs };
    } catch (error) {
      if (isCacheError(error, 'upstream-unreachable', 'upstream-timeout')) {
        note('failed');
        isLocal = error.isLocal;
      }
      // A token server's.
      if (isCacheError(error, 'upstream-rate-limited'))
        throw withRetryAfter(error, throttled(requestedAtMs, error.retryAfterMs));
      throw error;
    }
  }

  return (next) => (request) => exchange(next, request);
}
