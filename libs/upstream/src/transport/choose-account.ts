// Sends each request with the account that the budget ledger chooses. If the registry refuses that account, or the
// account has no pulls left, tries another account.
import { isCacheError } from '@cistern/errors';
import type { BudgetCall, EndpointBudget } from '../budget/budget.ts';
import {
  parseRateLimit,
  withRetryAfter,
  parseRetryAfterMs,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

export interface ChooseAccountOptions {
  /** The transports by account name; at least one. */
  readonly accounts: ReadonlyMap<string, Transport>;
  readonly budget: EndpointBudget;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const kinds = new Map<TransportRequest['operation'], BudgetCall['kind']>([
  ['get-manifest', 'pull'],
  ['head-manifest', 'look'],
]);

export function chooseAccount({ accounts, budget, clock }: ChooseAccountOptions): Transport {
  return async (request) => {
    const untried = new Map(accounts);
    let last: Outcome | undefined;
    while (untried.size > 0) {
      const name = await admit(request, [...untried.keys()], last);
      const send = name === undefined ? undefined : untried.get(name);
      if (name === undefined || send === undefined) break;
      untried.delete(name);
      last = await attempt(send, request, name);
      if (!last.mayTryAnother) break;
    }
    if (last === undefined) throw new TypeError('A registry has at least one account.');
    if ('error' in last) throw last.error;
    return last.response;
  };

  /**
   * Resolves to the account for the next attempt. `undefined` means that no further account is admitted, so the
   * previous outcome is final.
   */
  async function admit(
    { operation, purpose = 'cold' }: TransportRequest,
    names: readonly string[],
    last: Outcome | undefined,
  ): Promise<string | undefined> {
    try {
      return await budget.admit({ purpose, kind: kinds.get(operation) ?? 'other' }, names);
    } catch (error) {
      if (last === undefined) throw error;
      return undefined;
    }
  }

  async function attempt(send: Transport, request: TransportRequest, name: string): Promise<Outcome> {
    const requestedAtMs = clock();
    let response: TransportResponse;
    try {
      response = await send(request);
    } catch (error) {
      // This 429 came from a token server, which has no pull budgets, only limits on requests.
      if (isCacheError(error, 'upstream-rate-limited')) {
        const retryAfterMs = await budget.throttled({ requestedAtMs, retryAfterMs: error.retryAfterMs });
        return { error: withRetryAfter(error, retryAfterMs), mayTryAnother: false };
      }
      return { error, mayTryAnother: isCacheError(error, 'upstream-refused-us') };
    }
    // Storage behind a redirect has its own limits, which do not concern the budget of the registry.
    if (response.url.origin !== request.url.origin) return { response, mayTryAnother: false };
    const rateLimit = parseRateLimit(response.headers);
    if (response.status !== 429) {
      if (rateLimit !== undefined) await budget.report(name, rateLimit, requestedAtMs);
      return { response, mayTryAnother: false };
    }
    const refusal = { requestedAtMs, retryAfterMs: parseRetryAfterMs(response.headers, clock()) };
    const isBare = rateLimit === undefined;
    const retryAfterMs = await (isBare ? budget.throttled(refusal) : budget.exhausted(name, rateLimit, refusal));
    return { response: { ...response, retryAfterMs }, mayTryAnother: !isBare };
  }
}

type Outcome = { readonly mayTryAnother: boolean } & (
  | { readonly response: TransportResponse }
  | { readonly error: unknown }
);
