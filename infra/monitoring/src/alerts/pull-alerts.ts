// Alerts on pulls and on upstream registries.
import { type Alert, cache } from './alert.ts';

const pulls = `sum by (${cache}) (rate(cistern_requests_total{operation=~"manifest|blob"}[5m]))`;

export const pullAlerts: readonly Alert[] = [
  {
    alert: 'CisternErrors',
    expr: `cistern:errors:ratio5m > 0.05\nand ${pulls} > 0.1`,
    for: '5m',
    severity: 'critical',
    summary: '{{ $value | humanizePercentage }} of pulls end with an error of the cache',
    description:
      'The store or the index is unavailable, or an upstream fails for content that is not cached. Cached content is usually served. The overview names the part.',
  },
  {
    alert: 'CisternHitRatioLow',
    expr: `cistern:hit_ratio:requests5m < 0.5\nand ${pulls} > 1`,
    for: '1h',
    severity: 'warning',
    summary: 'The hit ratio was {{ $value | humanizePercentage }} for an hour',
    description:
      'Most pulls need an upstream. A new fleet or a release of many images causes it for a while. If eviction removes content that is pulled again, raise storage.maxbytes.',
    page: 'images',
  },
  {
    alert: 'CisternServingStale',
    expr: `sum by (${cache}, upstream) (rate(cistern_stale_answers_total{reason!="revalidating"}[5m])) > 0`,
    for: '15m',
    severity: 'warning',
    summary: 'Tags of {{ $labels.upstream }} have been served stale for 15 minutes',
    description:
      'The upstream does not confirm tags: it fails, throttles, has removed them, or is switched offline. Clients get the cached versions. Check the upstream.',
    page: 'upstreams',
  },
  {
    alert: 'CisternUpstreamFailing',
    // While the endpoint fails, the breaker is half-open for a moment after each answered ping.
    expr: `max by (${cache}, upstream, endpoint) (max_over_time(cistern_upstream_endpoint_state[2m])) == 2`,
    for: '5m',
    severity: 'warning',
    summary: 'The circuit breaker for {{ $labels.endpoint }} of {{ $labels.upstream }} is open',
    description:
      'A worker does not reach this endpoint. Cached content is served, and alternates of the upstream are used. Check its name, route, proxy and certificate from a worker.',
    page: 'upstreams',
  },
  {
    alert: 'CisternUpstreamRefusesCredentials',
    expr: `max by (${cache}, upstream, endpoint, credential) (cistern_upstream_credentials_refused) == 1`,
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.upstream }} rejects the account {{ $labels.credential }}',
    description:
      'The password is wrong or expired, or the account is locked. Cached content is served. Correct the password in its file: Cistern reads it again without a restart.',
    page: 'upstreams',
  },
  {
    alert: 'CisternBudgetLow',
    expr: 'cistern:upstream_budget:remaining_ratio < 0.1',
    for: '5m',
    severity: 'warning',
    summary:
      'Account {{ $labels.credential }} has {{ $value | humanizePercentage }} of its pulls left at {{ $labels.upstream }}',
    description:
      'Below the reserve, changed tags are served stale, so that the rest is left for content that is not cached. Add an account, or keep tags fresh for longer.',
    page: 'upstreams',
  },
  {
    alert: 'CisternUpstreamThrottles',
    expr: `sum by (${cache}, upstream) (increase(cistern_upstream_requests_total{outcome="rate-limited"}[15m])) > 0`,
    severity: 'warning',
    summary: '{{ $labels.upstream }} returns 429 Too Many Requests',
    description:
      'The whole cluster backs off for the time that the upstream requested. Cached content is served. If it repeats, others use the same account or address: add an account.',
    page: 'upstreams',
  },
  {
    alert: 'CisternFillsFail',
    expr: `sum by (${cache}) (rate(cistern_fills_total{result="failed"}[10m])) / sum by (${cache}) (rate(cistern_fills_total[10m])) > 0.1\nand sum by (${cache}) (increase(cistern_fills_total{result="failed"}[10m])) > 5`,
    for: '5m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of blob fetches fail',
    description:
      'An upstream, the disk of the spool, or the store fails. Cached content is served. The log has the reason of each fetch with its digest.',
    page: 'in-flight',
  },
  {
    alert: 'CisternContentMismatch',
    expr: `sum by (${cache}, upstream) (increase(cistern_content_mismatches_total[1h])) > 0`,
    severity: 'warning',
    summary: '{{ $labels.upstream }} sent bytes that do not match their digest',
    description:
      'None of the bytes was stored or served completely. A single case is a broken connection. Repeated cases point to a broken mirror or proxy, which the log names.',
    page: 'upstreams',
  },
];
