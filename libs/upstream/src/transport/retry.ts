// Tries again what failed for the moment. Every request here only asks, so that is always allowed; timeouts
// are not retried, because they have used up the patience already, and neither is 429: that would make it worse
// (decision 0005).
import { isCacheError } from '@cistern/errors';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import type { RetryBudget } from './retry-budget.ts';
import { isServerFailure } from './server-failure.ts';
import { headerValue, type Transport, type TransportLayer, type TransportResponse } from './transport.ts';
import { untilAborted } from '@cistern/runtime';

const maxRetries = 2;
const backoff = { initialDelay: 100, maxDelay: 1000 };

export interface RetryOptions {
  readonly budget: RetryBudget;
  readonly onRetry: (result: 'tried' | 'refused') => void;
}

/** Two retries with jittered backoff, of connection errors and of 5xx without a `Retry-After`, until `signal` fires. */
export function retryRequests({ budget, onRetry }: RetryOptions): TransportLayer {
  return (next) => (request) => {
    let failures = 0;
    // Asked once for every failed attempt, the last one too.
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
