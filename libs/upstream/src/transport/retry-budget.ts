// How many failed requests may be tried again: a share of all requests. One that fails now and then is tried again; when
// everything fails, retries would only multiply the load that may be the cause.

export interface RetryBudget {
  /** Of every request, before its first attempt. */
  deposit(): void;
  /** Whether one more attempt is allowed. */
  withdraw(): boolean;
}

const retriesPerRequest = 0.1;
/** What a registry that was quiet before may be asked again. */
const maxRetries = 10;

export function createRetryBudget(): RetryBudget {
  let retries = maxRetries;
  return {
    deposit() {
      retries = Math.min(maxRetries, retries + retriesPerRequest);
    },
    withdraw() {
      if (retries < 1) return false;
      retries -= 1;
      return true;
    },
  };
}
