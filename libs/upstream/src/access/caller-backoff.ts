// Backs off for one caller and repository: pauses after a 429, and opens a circuit breaker after failures in a row.
// Other callers are not affected.
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

/** This many failed calls in a row, each after its retries, open the breaker. Our own calls have the same limit. */
const maxFailures = 5;
const openForMs = 5_000;

/**
 * Rejects with `upstream-rate-limited` during a pause and with `upstream-unreachable` while the breaker is open.
 * Afterwards checks are sent again, and one more failure opens the breaker again.
 */
export function createCallerBackoff(upstream: UpstreamIdentity, clock: () => number): TransportLayer {
  let pause: Pause | undefined;
  let failures = 0;
  let openUntilMs = 0;
  /** True if the cause of the last failure may be in this worker. */
  let isLocal = false;

  function refuseDuringBackoff(): void {
    const pauseMs = (pause?.untilMs ?? 0) - clock();
    if (pauseMs > 0) throw refusal('upstream-rate-limited', 'throttles your requests (429)', pauseMs);
    const openMs = openUntilMs - clock();
    if (openMs > 0) throw refusal('upstream-unreachable', 'failed to answer your last requests', openMs);
  }

  function refusal(kind: 'upstream-rate-limited' | 'upstream-unreachable', why: string, forMs: number): CacheError {
    const message = `${nameUpstream(upstream)} ${why}. Your requests resume in ${Math.ceil(forMs / 1000)} s.`;
    return new CacheError(kind, message, {
      detail: { upstream: upstream.name },
      retryable: true,
      retryAfterMs: forMs,
      isLocal: kind === 'upstream-unreachable' && isLocal,
    });
  }

  function note(outcome: 'answered' | 'failed'): void {
    failures = outcome === 'failed' ? failures + 1 : 0;
    if (failures >= maxFailures) openUntilMs = clock() + openForMs;
  }

  /** Starts or extends the pause after a 429. Returns the milliseconds until it ends. */
  function throttled(requestedAtMs: number, retryAfterMs: number | undefined): number {
    pause = nextPause(pause, { requestedAtMs, retryAfterMs }, { nowMs: clock(), random: Math.random() }) ?? pause;
    return (pause?.untilMs ?? 0) - clock();
  }

  async function exchange(next: Transport, request: Parameters<Transport>[0]): Promise<TransportResponse> {
    refuseDuringBackoff();
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
      // A 429 of a token server arrives as an error.
      if (isCacheError(error, 'upstream-rate-limited'))
        throw withRetryAfter(error, throttled(requestedAtMs, error.retryAfterMs));
      throw error;
    }
  }

  return (next) => (request) => exchange(next, request);
}
