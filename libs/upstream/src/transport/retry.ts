// Tries again what failed for the moment. Every request here only asks, so that is always allowed; timeouts are not retried,
// because they have used up the patience already, and neither is 429: that would make it worse (decision 0005).
import { isCacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import {
  headerValue,
  isServerFailure,
  type Transport,
  type TransportLayer,
  type TransportResponse,
} from './transport.ts';

const maxRetries = 2;
const backoff = { initialDelay: 100, maxDelay: 1000 };

/**
 * Two retries with jittered backoff, of connection errors and of 5xx without a `Retry-After`, until `signal` fires. All
 * requests of the layer share one budget of retries.
 */
export function retryRequests(onRetry: (result: 'tried' | 'refused') => void): TransportLayer {
  const budget = createRetryBudget();
  return (next) => (request) => {
    let failures = 0;
    // Called once for every failed attempt, the last one too.
    const mayRetry = (): boolean => {
      failures += 1;
      if (failures > maxRetries) return false;
      const allowed = budget.withdraw();
      onRetry(allowed ? 'tried' : 'refused');
      return allowed;
    };
    const policy = retry(
      handleWhen((error) => isPassing(error) && mayRetry()).orWhenResult(
        (value) => isPassingResponse(value) && mayRetry(),
      ),
      { maxAttempts: maxRetries, backoff: new ExponentialBackoff(backoff) },
    );
    const attempt = (): ReturnType<Transport> => {
      request.signal.throwIfAborted();
      return next(request);
    };
    budget.deposit();
    // The policy's pauses do not end by it.
    return untilAborted(policy.execute(attempt, request.signal), request.signal);
  };
}

function isPassing(error: unknown): boolean {
  return isCacheError(error, 'upstream-unreachable') && error.retryable;
}

function isPassingResponse(value: unknown): boolean {
  const { status, headers } = value as TransportResponse;
  return isServerFailure(status) && headerValue(headers, 'retry-after') === undefined;
}

const retriesPerRequest = 0.1;
/** What a registry that was quiet before may be asked again. */
const fullBudget = 10;

/**
 * How many failed requests may be tried again: a share of all requests. When everything fails, retries would only multiply
 * the load that may be the cause. `deposit` is for every request, before its first attempt; `withdraw` says whether one more
 * attempt is allowed.
 */
export function createRetryBudget(): { deposit(): void; withdraw(): boolean } {
  let retries = fullBudget;
  return {
    deposit() {
      retries = Math.min(fullBudget, retries + retriesPerRequest);
    },
    withdraw() {
      if (retries < 1) return false;
      retries -= 1;
      return true;
    },
  };
}
