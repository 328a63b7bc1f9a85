// Retries requests after temporary failures. That is safe because every request only reads. Timeouts are not retried,
// because they have already taken long. A 429 is not retried either, because more requests would prolong the throttling
// (decision 0005).
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
 * Retries a request up to two times with jittered backoff, after a connection error or a 5xx without a `Retry-After`.
 * It stops when the request's signal fires. All requests of the layer share one retry budget.
 */
export function retryRequests(onRetry: (result: 'tried' | 'refused') => void): TransportLayer {
  const budget = createRetryBudget();
  return (next) => (request) => {
    let failures = 0;
    // The policy calls this function for every failed attempt, including the last.
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
    // The signal does not end the pauses of the policy between attempts, so the wait is aborted here.
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
/** The largest number of retries that the budget can hold. The budget begins full. */
const fullBudget = 10;

/**
 * Limits retries to a share of all requests. During an outage more retries would only multiply the load that may have
 * caused it. `deposit` is called for every request, before its first attempt. `withdraw` returns whether one more
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
