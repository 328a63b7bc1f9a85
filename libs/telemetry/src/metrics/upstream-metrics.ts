// The metrics of requests to upstream registries, of their pull limits, of stale responses, and of prewarming.
import type { Causes } from './create-causes.ts';
import { counter, gauge, histogram, type LabelValue, type MetricsOf } from './define-metrics.ts';

const upstreamOperations = [
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

const upstreamOutcomes = [
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
/** The outcomes that concern the registry or this cache, not an image. */
export const failureOutcomes: ReadonlySet<LabelValue> = new Set<UpstreamOutcome>([
  'rate-limited',
  'refused-us',
  'unreachable',
  'timeout',
  'mismatch',
]);

/**
 * Why a response is stale. `revalidating`: a worker revalidates after the response. `failing`: the upstream was unavailable.
 * `gone`: the upstream no longer has the content, or denies access to it. `offline`: the upstream is switched offline.
 */
const staleReasons = ['revalidating', 'failing', 'gone', 'offline'] as const;
export type StaleReason = (typeof staleReasons)[number];

const upstreamLabels = { upstream: 'upstreams' } as const;
/** `endpoint` is a host and port of the configuration. */
const endpointLabels = { ...upstreamLabels, endpoint: 'any' } as const;
/** `credential` is a name of the configuration, or `anonymous`. There is no series until the upstream reports a limit. */
const accountLabels = { ...endpointLabels, credential: 'any' } as const;

const budgetTable = {
  limit: gauge(
    'cistern_upstream_rate_limit',
    'Pulls per rate-limit period that the upstream registry allows a credential, as last reported.',
    accountLabels,
  ),
  remaining: gauge(
    'cistern_upstream_rate_limit_remaining',
    'Pulls left in the rate-limit period, as last reported by the upstream registry.',
    accountLabels,
  ),
  reserve: gauge(
    'cistern_upstream_rate_limit_reserve',
    'Pulls reserved for images that are not cached.',
    accountLabels,
  ),
  /** Seconds since the epoch. */
  windowEnd: gauge(
    'cistern_upstream_rate_limit_window_end_timestamp_seconds',
    'Latest possible end of the rate-limit period, as last reported by the upstream registry.',
    accountLabels,
  ),
  /**
   * `reserve`: the remaining pulls are reserved for content that is not cached. `exhausted`: no pulls are left. `paused`: the
   * cache backs off from the upstream.
   */
  refusals: counter(
    'cistern_upstream_budget_refusals_total',
    'Requests that were not sent to upstream registries because of pull limits, by reason.',
    { ...upstreamLabels, reason: ['reserve', 'exhausted', 'paused'] },
  ),
  pauses: counter(
    'cistern_upstream_pauses_total',
    'Times that the cache backed off because an upstream registry answered 429.',
    upstreamLabels,
  ),
  /** 1 or 0. */
  credentialsRefused: gauge(
    'cistern_upstream_credentials_refused',
    'Whether a configured credential is unusable: 1 if the upstream registry refuses it or it cannot be read, else 0.',
    accountLabels,
  ),
};
export type BudgetMetrics = MetricsOf<typeof budgetTable>;

const upstreamTable = {
  upstreamRequests: counter(
    'cistern_upstream_requests_total',
    'Requests to upstream registries and their token servers, by operation and outcome.',
    { ...upstreamLabels, operation: upstreamOperations, outcome: upstreamOutcomes },
  ),
  upstreamRequestDuration: histogram(
    'cistern_upstream_request_duration_seconds',
    'Time from a request to an upstream registry to the headers of its response.',
    { ...upstreamLabels, operation: upstreamOperations },
    { buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60], starts: [] },
  ),
  upstreamReceivedBytes: counter(
    'cistern_upstream_received_bytes_total',
    'Bytes of response bodies received from upstream registries.',
    upstreamLabels,
  ),
  upstreamResumes: counter(
    'cistern_upstream_resumes_total',
    'Interrupted response bodies of upstream registries that were resumed with a range request.',
    upstreamLabels,
  ),
  upstreamRetries: counter(
    'cistern_upstream_retries_total',
    'Retries of failed requests: `tried`, or `refused` because too many requests had failed.',
    { ...upstreamLabels, result: ['tried', 'refused'] },
  ),
  /** 0: closed; 1: half-open, being probed; 2: open, the cache sends no requests. */
  upstreamEndpointState: gauge(
    'cistern_upstream_endpoint_state',
    'Circuit breaker state per registry endpoint: 0 closed, 1 half-open, 2 open.',
    endpointLabels,
  ),
  upstreamEndpointTransitions: counter(
    'cistern_upstream_endpoint_transitions_total',
    'Changes of circuit breaker state per registry endpoint, by new state.',
    { ...endpointLabels, to: 'any' },
  ),
  upstreamAlternateCalls: counter(
    'cistern_upstream_alternate_calls_total',
    'Requests that fell back to the alternates of an upstream, by result.',
    { ...upstreamLabels, result: ['answered', 'failed'] },
  ),
  contentMismatches: counter(
    'cistern_content_mismatches_total',
    'Response bodies that did not match their digest or size. None of them was stored.',
    upstreamLabels,
  ),
  upstreamBudget: budgetTable,
};
export type UpstreamMetrics = MetricsOf<typeof upstreamTable> & { readonly causes: Causes };

export const upstreamMetrics = {
  ...upstreamTable,
  staleAnswers: counter(
    'cistern_stale_answers_total',
    'Responses for tags and lists that were served without confirmation by the upstream, by reason.',
    { ...upstreamLabels, reason: staleReasons },
  ),
  /** 1 or 0. */
  upstreamOffline: gauge(
    'cistern_upstream_offline',
    'Whether the upstream is switched offline: 1 offline, 0 online.',
    upstreamLabels,
  ),
  prewarmedTags: counter(
    'cistern_prewarm_tags_total',
    'Tags that were revalidated before a client pulled them, by result.',
    // `spared`: the tag was not revalidated, because the last pulls are reserved for clients.
    { ...upstreamLabels, result: ['unchanged', 'moved', 'spared', 'failed'] },
  ),
  prewarmedImages: counter(
    'cistern_prewarm_images_total',
    'Images whose missing layers were fetched before a client pulled them, by result.',
    { ...upstreamLabels, result: ['done', 'failed'] },
  ),
  prewarmedBytes: counter(
    'cistern_prewarm_bytes_total',
    'Bytes of layers and configurations fetched by prewarming.',
    upstreamLabels,
  ),
};
