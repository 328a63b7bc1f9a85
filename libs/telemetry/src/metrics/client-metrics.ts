// The metrics of client requests, and of the authentication of clients.
import type { Causes } from './create-causes.ts';
import { counter, gauge, histogram, type LabelValue, type MetricsOf } from './define-metrics.ts';

const requestOperations = [
  'ping',
  'manifest',
  'blob',
  'tags',
  'referrers',
  'catalog',
  'write',
  'webhook',
  'token',
  'other',
] as const;
export type RequestOperation = (typeof requestOperations)[number];

/** The cache result, as in the `X-Cache` header. */
const cacheResults = ['HIT', 'STALE', 'REVALIDATED', 'JOINED', 'MISS'] as const;
export type RequestCacheResult = (typeof cacheResults)[number];

/** `NONE` means that the response has no cache result. */
export type ResultLabel = RequestCacheResult | 'NONE';
const resultLabels = ['NONE', ...cacheResults] as const satisfies readonly ResultLabel[];
const statusLabels = ['2xx', '3xx', '4xx', '5xx', 'aborted'] as const;
export type StatusLabel = (typeof statusLabels)[number];

/** The operations that are answered from the cache. */
export const cachedOperations: ReadonlySet<LabelValue> = new Set<RequestOperation>([
  'manifest',
  'blob',
  'tags',
  'referrers',
]);

/** All operations, each with its possible cache results. */
const requestSeries = requestOperations.flatMap((operation) =>
  (cachedOperations.has(operation) ? resultLabels : (['NONE'] as const)).map((result) => ({ operation, result })),
);
const requestLabels = { operation: requestOperations, result: resultLabels };

/**
 * The kind of credentials. `anonymous`: no credentials. `oidc`: the token of a CI job. `token`: an access token. `other`:
 * credentials of an unknown kind.
 */
const authenticationMethods = ['anonymous', 'password', 'robot', 'oidc', 'token', 'other'] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];

const requestTable = {
  requests: counter(
    'cistern_requests_total',
    'Client requests that ended, by operation, cache result and status class.',
    { ...requestLabels, status: statusLabels },
    { starts: requestSeries.flatMap((series) => statusLabels.map((status) => ({ ...series, status }))) },
  ),
  /** The time from the start of the request until the last byte of the response. */
  requestDuration: histogram(
    'cistern_request_duration_seconds',
    'Duration of client requests, until the last byte of the response.',
    requestLabels,
    {
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
      starts: requestSeries,
    },
  ),
  timeToFirstByte: histogram(
    'cistern_time_to_first_byte_seconds',
    'Time to the first byte of the response to a client.',
    requestLabels,
    { buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], starts: requestSeries },
  ),
  responseBytes: counter('cistern_response_bytes_total', 'Bytes of response bodies sent to clients.', requestLabels, {
    starts: requestSeries,
  }),
  requestsInFlight: gauge('cistern_requests_in_flight', 'Client requests in flight.', {
    operation: requestOperations,
  }),
  redirects: counter(
    'cistern_redirects_total',
    'Redirects of clients to the store for a blob. Its bytes are not counted as response bytes.',
  ),
};
export type RequestMetrics = MetricsOf<typeof requestTable>;

const authenticationTable = {
  authentications: counter(
    'cistern_authentications_total',
    'Authentications of client requests, by method and result.',
    // `failed`: an error prevented the check of the credentials.
    { method: authenticationMethods, result: ['accepted', 'refused', 'locked-out', 'failed'] },
  ),
};
export type AuthenticationMetrics = MetricsOf<typeof authenticationTable>;

const accessTable = {
  /** `remembered`: the upstream allowed the caller some minutes before. `failed`: the upstream was unavailable. */
  accessChecks: counter(
    'cistern_access_checks_total',
    'Access checks of callers at upstreams that verify them. `allowed` and `refused` are from the upstream, `remembered` from an earlier check. `limited`: too many checks. `failed`: the upstream was unavailable.',
    { upstream: 'upstreams', result: ['allowed', 'remembered', 'refused', 'limited', 'failed'] },
  ),
};
export type AccessMetrics = MetricsOf<typeof accessTable>;

const limitTable = {
  limited: counter(
    'cistern_limited_total',
    'Requests and connections rejected because the client exceeded a limit, by limit.',
    { limit: ['requests', 'bytes', 'connections'] },
  ),
};
export type LimitMetrics = MetricsOf<typeof limitTable>;

const tlsTable = {
  /** In seconds since the epoch. A listener without a certificate has no series. */
  certificateExpiry: gauge(
    'cistern_tls_certificate_expiry_timestamp_seconds',
    'Expiry time of the served certificate, by listener.',
    { listener: 'any' },
  ),
  certificateReloads: counter('cistern_tls_certificate_reloads_total', 'Reloads of TLS certificates, by result.', {
    result: ['done', 'failed'],
  }),
  /**
   * `client-certificate`: the client's certificate is missing or not accepted. `abandoned`: the client disconnected. `protocol`:
   * any other reason.
   */
  handshakeFailures: counter('cistern_tls_handshake_failures_total', 'Failed TLS handshakes with clients, by reason.', {
    reason: ['client-certificate', 'abandoned', 'protocol'],
  }),
  acmeOrders: counter(
    'cistern_acme_orders_total',
    'Certificate orders by this process at the ACME authority, by result.',
    { result: ['issued', 'failed'] },
  ),
};
export type TlsMetrics = MetricsOf<typeof tlsTable> & { readonly causes: Causes };

export const clientMetrics = {
  ...requestTable,
  ...authenticationTable,
  ...accessTable,
  ...limitTable,
  ...tlsTable,
  webhooks: counter('cistern_webhooks_total', 'Webhook requests from upstreams, by provider and result.', {
    provider: ['docker-hub', 'github', 'distribution', 'generic'],
    // `refused`: the sender does not have the secret. `ignored`: the request reports no push of a tag with a valid name.
    result: ['taken', 'ignored', 'malformed', 'refused'],
  }),
};
