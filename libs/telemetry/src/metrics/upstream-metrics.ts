// Metrics of what we ask of upstream registries, what they let us pull, and what is answered without them.
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
/** Those that say something about the registry, or about us. */
export const troubledOutcomes: ReadonlySet<LabelValue> = new Set<UpstreamOutcome>([
  'rate-limited',
  'refused-us',
  'unreachable',
  'timeout',
  'mismatch',
]);

/**
 * `revalidating`: a worker asks behind the answer. `failing`: upstream could not be asked. `gone`: upstream no longer has
 * it, or no longer gives it to us. `offline`: we do not ask.
 */
const staleReasons = ['revalidating', 'failing', 'gone', 'offline'] as const;
export type StaleReason = (typeof staleReasons)[number];

const ofUpstream = { upstream: 'upstreams' } as const;
/** `endpoint`: a host and port of the configuration. */
const ofEndpoint = { ...ofUpstream, endpoint: 'any' } as const;
/** `credential`: a name of the configuration, or `anonymous`. There is no series until an upstream has set a limit. */
const ofAccount = { ...ofEndpoint, credential: 'any' } as const;

const budgetTable = {
  limit: gauge(
    'cistern_upstream_rate_limit',
    'Pulls per window that the upstream registry grants a credential, as it last said.',
    ofAccount,
  ),
  remaining: gauge(
    'cistern_upstream_rate_limit_remaining',
    'Pulls left in the window, as the upstream registry last said.',
    ofAccount,
  ),
  reserve: gauge(
    'cistern_upstream_rate_limit_reserve',
    'Pulls that are kept for images of which nothing is cached.',
    ofAccount,
  ),
  /** Seconds since the epoch. */
  windowEnd: gauge(
    'cistern_upstream_rate_limit_window_end_timestamp_seconds',
    'When the window has ended at the latest in which the upstream registry last said what is left.',
    ofAccount,
  ),
  /** `reason`: kept for cold misses, nothing left, or the whole upstream is paused. */
  refusals: counter(
    'cistern_upstream_budget_refusals_total',
    'Calls to upstream registries that were not made, to keep within their limits.',
    { ...ofUpstream, reason: ['reserve', 'exhausted', 'paused'] },
  ),
  pauses: counter(
    'cistern_upstream_pauses_total',
    'Times that an upstream registry was left alone because it answered too many requests.',
    ofUpstream,
  ),
  /** 1 or 0. */
  credentialsRefused: gauge(
    'cistern_upstream_credentials_refused',
    'Whether the upstream registry refuses a configured credential, or it cannot be read.',
    ofAccount,
  ),
};
export type BudgetMetrics = MetricsOf<typeof budgetTable>;

const upstreamTable = {
  upstreamRequests: counter(
    'cistern_upstream_requests_total',
    'Requests to upstream registries and their token servers.',
    { ...ofUpstream, operation: upstreamOperations, outcome: upstreamOutcomes },
  ),
  upstreamRequestDuration: histogram(
    'cistern_upstream_request_duration_seconds',
    'Time from a request to an upstream registry to the headers of its answer.',
    { ...ofUpstream, operation: upstreamOperations },
    { buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60], starts: [] },
  ),
  upstreamReceivedBytes: counter(
    'cistern_upstream_received_bytes_total',
    'Bytes of bodies received from upstream registries.',
    ofUpstream,
  ),
  upstreamResumes: counter(
    'cistern_upstream_resumes_total',
    'Bodies of upstream registries that broke off and were resumed with a range request.',
    ofUpstream,
  ),
  upstreamRetries: counter(
    'cistern_upstream_retries_total',
    'Failed requests that were tried again, or were not because too many had failed.',
    { ...ofUpstream, result: ['tried', 'refused'] },
  ),
  /** 0: closed; 1: half-open, being probed; 2: open, nothing is asked of it. */
  upstreamEndpointState: gauge(
    'cistern_upstream_endpoint_state',
    'Health of a registry as this process sees it: 0 well, 1 being probed, 2 failing and left alone.',
    ofEndpoint,
  ),
  upstreamEndpointTransitions: counter(
    'cistern_upstream_endpoint_transitions_total',
    'Changes of the health of a registry.',
    { ...ofEndpoint, to: 'any' },
  ),
  upstreamAlternateCalls: counter(
    'cistern_upstream_alternate_calls_total',
    'Calls that went on to the alternates of an upstream, and whether one of them had an answer.',
    { ...ofUpstream, result: ['answered', 'failed'] },
  ),
  contentMismatches: counter(
    'cistern_content_mismatches_total',
    'Bodies whose bytes did not match their digest or size; none of them was stored.',
    ofUpstream,
  ),
  upstreamBudget: budgetTable,
};
export type UpstreamMetrics = MetricsOf<typeof upstreamTable>;

export const upstreamMetrics = {
  ...upstreamTable,
  staleAnswers: counter(
    'cistern_stale_answers_total',
    'Tags and lists that were served stale, by the reason why upstream was not asked or could not confirm them.',
    { ...ofUpstream, reason: staleReasons },
  ),
  /** 1 or 0. */
  upstreamOffline: gauge(
    'cistern_upstream_offline',
    '1 while this process asks the upstream for nothing because somebody has decided so.',
    ofUpstream,
  ),
  prewarmedTags: counter(
    'cistern_prewarm_tags_total',
    'Tags that were asked for before anybody found them stale, by what came of it.',
    // `spared`: not asked, so that the last pulls are left to clients.
    { ...ofUpstream, result: ['unchanged', 'moved', 'spared', 'failed'] },
  ),
  prewarmedImages: counter(
    'cistern_prewarm_images_total',
    'Images whose layers were looked for, and fetched where they were missing, before anybody asked for them.',
    { ...ofUpstream, result: ['done', 'failed'] },
  ),
  prewarmedBytes: counter(
    'cistern_prewarm_bytes_total',
    'Bytes of layers and configurations that were fetched before anybody asked for them.',
    ofUpstream,
  ),
};
