// The dashboard of upstream registries: can they be used, what is left of their pull limits, are they slow?
import { bad, good, neutral, upstreamColours, warning } from './colours.ts';
import { type DashboardPlan, labelVariable } from './dashboard.ts';
import { lines } from './lines.ts';
import { bars, states } from './panel.ts';
import { occurred, of, quantile } from './queries.ts';

const chosen = 'upstream=~"$upstream"';
const requests = 'cistern_upstream_requests_total';
const account = '{{upstream}} {{credential}}';
const failures = 'outcome=~"rate-limited|refused-us|unreachable|timeout|mismatch"';

export const upstreams: DashboardPlan = {
  uid: 'cistern-upstreams',
  title: 'Cistern: upstreams',
  description: 'Can the upstreams be used, what is left of their pull limits, and are they slow?',
  variables: [labelVariable('upstream', 'Upstream', 'cistern_upstream_offline')],
  rows: [
    {
      height: 8,
      panels: [
        states({
          title: 'State',
          description:
            'State of each endpoint. open: no worker can use it. Rows for an operator’s switch and for a rejected account appear when they apply.',
          queries: [
            {
              expr: `min by (upstream, endpoint) (${of('cistern_upstream_endpoint_state', chosen)})`,
              legend: '{{upstream}} at {{endpoint}}',
            },
            {
              expr: `3 * max by (upstream) (${of('cistern_upstream_offline', chosen)}) > 0`,
              legend: '{{upstream}}: switch',
            },
            {
              expr: `4 * max by (upstream, credential) (${of('cistern_upstream_credentials_refused', chosen)}) > 0`,
              legend: `${account}: account`,
            },
          ],
          states: [
            [0, 'in use', good],
            [1, 'being probed', warning],
            [2, 'circuit breaker open', bad],
            [3, 'offline', neutral],
            [4, 'rejected', bad],
          ],
        }),
        bars({
          title: 'Pulls left',
          description:
            'Share of the pull limit of each account, as last reported. Upstreams without a limit report none.',
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: `min by (upstream, credential) (${of('cistern_upstream_rate_limit_remaining', chosen)}) / max by (upstream, credential) (${of('cistern_upstream_rate_limit', chosen)})`,
              legend: account,
              instant: true,
            },
          ],
          steps: [
            [-Infinity, bad],
            [0.1, warning],
            [0.25, good],
          ],
          without: 'none reported',
        }),
      ],
      widths: [16, 8],
    },
    {
      height: 10,
      panels: [
        lines({
          title: 'Requests',
          description: 'Requests to upstreams by outcome. Failures of the upstream have the axis at the right.',
          unit: 'reqps',
          queries: [
            {
              expr: occurred('outcome', requests, `${chosen},outcome=~"ok|not-found|denied|aborted"`),
              legend: '{{outcome}}',
            },
            { expr: occurred('outcome', requests, `${chosen},${failures}`), legend: '{{outcome}}' },
          ],
          words: [
            'ok',
            'not-found',
            'denied',
            'aborted',
            'rate-limited',
            'refused-us',
            'unreachable',
            'timeout',
            'mismatch',
          ],
          right: { label: 'failures', series: '/^(rate-limited|refused-us|unreachable|timeout|mismatch)$/' },
          without: 'no requests',
        }),
        lines({
          title: 'Time to headers',
          description: 'Time from a request to the headers of its response. Connections of bodies are not included.',
          unit: 's',
          queries: [0.5, 0.95].map((q) => ({
            expr: quantile(q, 'upstream', 'cistern_upstream_request_duration_seconds', chosen),
            legend: `{{upstream}} p${q * 100}`,
          })),
          shades: upstreamColours,
          dotted: '/ p50$/',
          without: 'no requests',
        }),
      ],
    },
    {
      height: 10,
      panels: [
        lines({
          title: 'Pulls left over time',
          description: 'Dashed: the reserve for content that is not cached. Below it, changed tags are served stale.',
          unit: 'short',
          queries: [
            {
              expr: `min by (upstream, credential) (${of('cistern_upstream_rate_limit_remaining', chosen)})`,
              legend: account,
            },
            {
              expr: `max by (upstream, credential) (${of('cistern_upstream_rate_limit_reserve', chosen)})`,
              legend: `reserve of ${account}`,
            },
          ],
          shades: { ...upstreamColours, '/^reserve of /': 'orange' },
          limits: '/^reserve/',
          without: 'no limit reported',
        }),
        lines({
          title: 'Bytes received',
          description: 'Bodies of responses of upstreams.',
          unit: 'Bps',
          queries: [
            { expr: occurred('upstream', 'cistern_upstream_received_bytes_total', chosen), legend: '{{upstream}}' },
          ],
          without: 'none',
          shades: upstreamColours,
        }),
      ],
    },
    {
      height: 10,
      panels: [
        lines({
          title: 'Failures by upstream',
          description: 'Failed requests, and bodies that did not match their digest, which were not stored.',
          unit: 'reqps',
          queries: [
            {
              expr: occurred('upstream, outcome', requests, `${chosen},${failures}`),
              legend: '{{upstream}} {{outcome}}',
            },
          ],
          shade: 'red',
          without: 'none failed',
        }),
        lines({
          title: 'Recovered and withheld',
          description:
            'Answers of the cache to failures: retries, resumed bodies, fallbacks to alternates, and requests withheld because of a pull limit.',
          unit: 'reqps',
          queries: [
            {
              expr: occurred('upstream, result', 'cistern_upstream_retries_total', chosen),
              legend: '{{upstream}} retry {{result}}',
            },
            {
              expr: occurred('upstream', 'cistern_upstream_resumes_total', chosen),
              legend: '{{upstream}} body resumed',
            },
            {
              expr: occurred('upstream, result', 'cistern_upstream_alternate_calls_total', chosen),
              legend: '{{upstream}} alternate {{result}}',
            },
            {
              expr: occurred('upstream, reason', 'cistern_upstream_budget_refusals_total', chosen),
              legend: '{{upstream}} withheld: {{reason}}',
            },
          ],
          shades: { ...upstreamColours, '/ withheld: /': 'orange' },
          without: 'none',
        }),
      ],
    },
  ],
};
