// Values of labels whose set is known: every label set starts at zero, so that the first event is seen as an increase.
import { cacheResults, requestOperations, type RequestCacheResult, type RequestOperation } from '../request-facts.ts';

/** `NONE`: the cache had no part in the answer. */
export type ResultLabel = RequestCacheResult | 'NONE';
export type StatusLabel = '2xx' | '3xx' | '4xx' | '5xx' | 'aborted';
export const statusLabels = ['2xx', '3xx', '4xx', '5xx', 'aborted'] as const satisfies readonly StatusLabel[];

export const upstreamOperations = [
  'head-manifest',
  'get-manifest',
  'head-blob',
  'get-blob',
  'list-tags',
  'list-referrers',
  'check-access',
  'token',
  'ping',
] as const;
export type UpstreamOperation = (typeof upstreamOperations)[number];

export const upstreamOutcomes = [
  'ok',
  'not-found',
  'denied',
  'rate-limited',
  'refused-us',
  'unreachable',
  'timeout',
  'mismatch',
  'aborted',
] as const;
export type UpstreamOutcome = (typeof upstreamOutcomes)[number];
/** Those that say something about the registry, or about us. */
export const troubledOutcomes: ReadonlySet<UpstreamOutcome> = new Set([
  'rate-limited',
  'refused-us',
  'unreachable',
  'timeout',
  'mismatch',
]);

export const accessResults = ['allowed', 'remembered', 'refused', 'limited', 'failed'] as const;
export const retryResults = ['tried', 'refused'] as const;
export const alternateResults = ['answered', 'failed'] as const;
export const budgetRefusals = ['reserve', 'exhausted', 'paused'] as const;

/** What a client shows. `anonymous`: nothing; `oidc`: a CI job's token; `token`: an access token; `other`: what cannot be read. */
export const authenticationMethods = ['anonymous', 'password', 'robot', 'oidc', 'token', 'other'] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];
/** `failed`: it could not be found out. */
export const authenticationResults = ['accepted', 'refused', 'locked-out', 'failed'] as const;

export const fillClasses = ['interactive', 'background'] as const;
/** Why a blob was evicted: the store was full, or nobody had pulled it for too long. */
export const evictionReasons = ['space', 'age'] as const;
export type EvictionReason = (typeof evictionReasons)[number];

/** `objects`: all that were hashed. */
export const scrubFindings = ['objects', 'verified', 'adopted', 'forgotten', 'damaged', 'healed'] as const;

export const jobResults = ['done', 'failed'] as const;
export const callResults = ['answered', 'failed'] as const;

export const fillResults = ['done', 'moved', 'failed'] as const;

/** For which the cache answers. */
export const cachedOperations: ReadonlySet<RequestOperation> = new Set(['manifest', 'blob', 'tags', 'referrers']);

/** Operations and the results they can have: the cache answers for some only. */
export function* requestLabelSets(): Generator<{ operation: RequestOperation; result: ResultLabel }> {
  for (const operation of requestOperations) {
    yield { operation, result: 'NONE' };
    if (cachedOperations.has(operation)) for (const result of cacheResults) yield { operation, result };
  }
}
