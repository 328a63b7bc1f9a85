// What of all that happens belongs into an audit log.
import type { RequestFacts } from '../request-facts.ts';

/** `refused`: nobody was let in; `denied`: who was let in may not have that; `limited`: had too much, or guessed too often. */
export type RequestEvent = 'limited' | 'denied' | 'refused' | 'token-given';

/** `undefined`: a pull like all others. A first 401 without credentials is how every client begins. */
export function eventOf({ operation, status, denied, errorKind }: RequestFacts): RequestEvent | undefined {
  if (errorKind === 'client-rate-limited') return 'limited';
  if (status === 403) return 'denied';
  if (status === 401) return denied === undefined ? undefined : 'refused';
  return operation === 'token' && status === 200 ? 'token-given' : undefined;
}
