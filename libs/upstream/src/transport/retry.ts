// Tries again what failed for the moment. Every request here is a GET or a HEAD, so that is always allowed; timeouts
// are not retried, because they have used up the patience already, and neither is 429: that would make it worse.
import { isCacheError } from '@cistern/errors';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { headerValue, type Transport, type TransportLayer, type TransportResponse } from './transport.ts';

const maxRetries = 2;
const backoff = { initialDelay: 100, maxDelay: 1000 };
/** Not implemented, version not supported, loop detected. */
const permanentStatuses = new Set([501, 505, 508]);

/** Two retries with jittered backoff, of connection errors and of 5xx without a `Retry-After`, until `signal` fires. */
export function retryRequests(): TransportLayer {
  const policy = retry(handleWhen(isPassing).orWhenResult(isPassingResponse), {
    maxAttempts: maxRetries,
    backoff: new ExponentialBackoff(backoff),
  });
  return (next) => (request) => {
    const attempt = (): ReturnType<Transport> => {
      request.signal.throwIfAborted();
      return next(request);
    };
    return untilAborted(policy.execute(attempt, request.signal), request.signal);
  };
}

function isPassing(error: unknown): boolean {
  return isCacheError(error, 'upstream-unreachable') && error.retryable;
}

function isPassingResponse(value: unknown): boolean {
  const { status, headers } = value as TransportResponse;
  return status >= 500 && !permanentStatuses.has(status) && headerValue(headers, 'retry-after') === undefined;
}

/** The policy's pauses do not end by a signal, so the wait for it does. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
