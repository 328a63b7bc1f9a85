// Metrics of what clients ask for, and of who they are.
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

/** What happened in the cache, as the `X-Cache` header says it. */
const cacheResults = ['HIT', 'STALE', 'REVALIDATED', 'JOINED', 'MISS'] as const;
export type RequestCacheResult = (typeof cacheResults)[number];

/** `NONE`: the cache had no part in the answer. */
type ResultLabel = RequestCacheResult | 'NONE';
const resultLabels = ['NONE', ...cacheResults] as const satisfies readonly ResultLabel[];
const statusLabels = ['2xx', '3xx', '4xx', '5xx', 'aborted'] as const;
export type StatusLabel = (typeof statusLabels)[number];

/** For which the cache answers. */
export const cachedOperations: ReadonlySet<LabelValue> = new Set<RequestOperation>([
  'manifest',
  'blob',
  'tags',
  'referrers',
]);

/** Operations and the results they can have: the cache answers for some only. */
const requestSeries = requestOperations.flatMap((operation) =>
  (cachedOperations.has(operation) ? resultLabels : (['NONE'] as const)).map((result) => ({ operation, result })),
);
const requestLabels = { operation: requestOperations, result: resultLabels };

/** The kind of credentials. `anonymous`: none; `oidc`: a CI job's token; `token`: an access token; `other`: what cannot be read. */
const authenticationMethods = ['anonymous', 'password', 'robot', 'oidc', 'token', 'other'] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];

const requestTable = {
  requests: counter(
    'cistern_requests_total',
    'Client requests that ended, by what the cache did and the class of the status.',
    { ...requestLabels, status: statusLabels },
    { starts: requestSeries.flatMap((series) => statusLabels.map((status) => ({ ...series, status }))) },
  ),
  /** Until the last byte. */
  requestDuration: histogram(
    'cistern_request_duration_seconds',
    'Time from a client request to the last byte of its answer.',
    requestLabels,
    {
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
      starts: requestSeries,
    },
  ),
  timeToFirstByte: histogram(
    'cistern_time_to_first_byte_seconds',
    'Time from a client request to the first byte of its answer.',
    requestLabels,
    { buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], starts: requestSeries },
  ),
  responseBytes: counter('cistern_response_bytes_total', 'Bytes of bodies sent to clients.', requestLabels, {
    starts: requestSeries,
  }),
  requestsInFlight: gauge('cistern_requests_in_flight', 'Client requests being answered now.', {
    operation: requestOperations,
  }),
  redirects: counter(
    'cistern_redirects_total',
    'Clients that were sent to the store for a blob, whose bytes are not counted here.',
  ),
};
export type RequestMetrics = MetricsOf<typeof requestTable>;

const authenticationTable = {
  authentications: counter(
    'cistern_authentications_total',
    'Requests of clients by what they showed of themselves, and what came of it.',
    // `failed`: it could not be found out.
    { method: authenticationMethods, result: ['accepted', 'refused', 'locked-out', 'failed'] },
  ),
};
export type AuthenticationMetrics = MetricsOf<typeof authenticationTable>;

const accessTable = {
  /** `remembered`: the upstream allowed the caller some minutes before. `failed`: the upstream could not be asked. */
  accessChecks: counter(
    'cistern_access_checks_total',
    'Requests for upstreams that verify their callers, by what came of it: allowed or refused by the upstream, remembered, limited because there were too many, or failed because it could not be asked.',
    { upstream: 'upstreams', result: ['allowed', 'remembered', 'refused', 'limited', 'failed'] },
  ),
};
export type AccessMetrics = MetricsOf<typeof accessTable>;

const limitTable = {
  limited: counter(
    'cistern_limited_total',
    'Requests and connections refused because their client was beyond a limit, by limit.',
    { limit: ['requests', 'bytes', 'connections'] },
  ),
};
export type LimitMetrics = MetricsOf<typeof limitTable>;

const tlsTable = {
  /** Seconds since the epoch. There is no series before there is a certificate. */
  certificateExpiry: gauge(
    'cistern_tls_certificate_expiry_timestamp_seconds',
    'When the certificate that is served expires.',
    { listener: 'any' },
  ),
  certificateReloads: counter(
    'cistern_tls_certificate_reloads_total',
    'Certificates that took the place of another, and those that could not.',
    { result: ['done', 'failed'] },
  ),
  /** `client-certificate`: none, or one that is not accepted. `abandoned`: the client left. `protocol`: all else. */
  handshakeFailures: counter(
    'cistern_tls_handshake_failures_total',
    'TLS handshakes with clients that did not succeed.',
    { reason: ['client-certificate', 'abandoned', 'protocol'] },
  ),
  acmeOrders: counter(
    'cistern_acme_orders_total',
    'Certificates that were ordered of the ACME authority by this process.',
    { result: ['issued', 'failed'] },
  ),
};
export type TlsMetrics = MetricsOf<typeof tlsTable>;

export const clientMetrics = {
  ...requestTable,
  ...authenticationTable,
  ...accessTable,
  ...limitTable,
  ...tlsTable,
  webhooks: counter('cistern_webhooks_total', 'Requests by which upstreams told of pushes.', {
    provider: ['docker-hub', 'github', 'distribution', 'generic'],
    // `refused`: the sender does not know the secret. `ignored`: nothing of it is cached here.
    result: ['taken', 'ignored', 'malformed', 'refused'],
  }),
};
