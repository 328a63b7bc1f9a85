// The first dashboard: is the cache well, what does it save, what is slow?
import { bad, good, neutral, staleColours, warning } from './colours.ts';
import type { DashboardPlan } from './dashboard.ts';
import { lines } from './lines.ts';
import { figure, states, zeroIsGood, zeroOrWarning } from './panel.ts';
import { increase, occurred, of, orZero, pulls, quantile, quantileInRange, succeeded, sumOf } from './queries.ts';

const problems = (severity: string) =>
  orZero(
    `count(count by (part, kind, subject) (${of('cistern_problem_since_timestamp_seconds', `severity="${severity}"`)}))`,
  );
const saved = 'result=~"HIT|STALE|JOINED|REVALIDATED"';
/** The results of pulls that wait for no upstream, and of those that wait for a fetch. */
const [fromCache, fetched] = ['result=~"HIT|STALE"', 'result=~"MISS|JOINED"'];
const firstByte = 'cistern_time_to_first_byte_seconds';
const errors = `${sumOf('', increase('cistern_requests_total', `${pulls},status="5xx"`))} / (${sumOf('', increase('cistern_requests_total', pulls))} > 0)`;
const bytesSaved = `clamp_min(${sumOf('', increase('cistern_response_bytes_total', pulls))} - ${sumOf('', increase('cistern_upstream_received_bytes_total'))}, 0)`;

const figures = [
  figure({
    title: 'Problems',
    description: 'Problems that nodes report now. critical: pulls fail or will soon. warning: an operator should act.',
    unit: 'none',
    queries: [
      { expr: problems('critical'), legend: 'critical', instant: true },
      { expr: problems('warning'), legend: 'warning', instant: true },
    ],
    steps: zeroIsGood,
    stepsOf: { warning: zeroOrWarning },
    without: 'no node',
  }),
  figure({
    title: 'Nodes',
    description: 'Nodes by role, as the cluster itself counts them. Red: no node of the role.',
    unit: 'none',
    queries: [{ expr: `max by (role) (${of('cistern_nodes')})`, legend: '{{role}}', instant: true }],
    steps: [
      [-Infinity, bad],
      [1, good],
    ],
    without: 'unknown',
  }),
  figure({
    title: 'Errors',
    description: 'Share of pulls in the time range that ended with an error of the cache (5xx).',
    unit: 'percentunit',
    queries: [{ expr: errors, legend: 'errors', instant: true }],
    steps: [
      [-Infinity, good],
      [0.001, warning],
      [0.05, bad],
    ],
    decimals: 1,
    without: 'idle',
  }),
  figure({
    title: 'Hit ratio',
    description:
      'Share of successful pulls in the time range that started no fetch of content: hit, joined, revalidated or stale.',
    unit: 'percentunit',
    queries: [
      {
        expr: `${sumOf('', increase('cistern_requests_total', `${succeeded},${saved}`))} / (${sumOf('', increase('cistern_requests_total', `${succeeded},result!="NONE"`))} > 0)`,
        legend: 'hit ratio',
        instant: true,
      },
    ],
    steps: [
      [-Infinity, warning],
      [0.5, good],
    ],
    decimals: 1,
    without: 'idle',
  }),
  figure({
    title: 'Bytes saved',
    description: 'Bytes sent to clients in the time range, minus the bytes received from upstreams.',
    unit: 'bytes',
    queries: [{ expr: bytesSaved, legend: 'saved', instant: true }],
    steps: [[-Infinity, neutral]],
    decimals: 1,
    without: 'idle',
  }),
  figure({
    title: 'Upstream pulls saved',
    description: 'Pulls in the time range that no upstream counted, because the content was cached or on its way.',
    unit: 'short',
    queries: [
      {
        expr: sumOf('', increase('cistern_requests_total', `${succeeded},result=~"HIT|STALE|JOINED"`)),
        legend: 'saved',
        instant: true,
      },
    ],
    steps: [[-Infinity, neutral]],
    without: 'idle',
  }),
  figure({
    title: 'First byte, p99',
    description:
      'One in a hundred pulls of the time range waits longer. cached: hit or stale. fetched: miss or joined.',
    unit: 's',
    queries: [
      { expr: quantileInRange(0.99, firstByte, `${pulls},${fromCache}`), legend: 'cached', instant: true },
      { expr: quantileInRange(0.99, firstByte, `${pulls},${fetched}`), legend: 'fetched', instant: true },
    ],
    steps: [
      [-Infinity, good],
      [0.5, warning],
      [2, bad],
    ],
    stepsOf: {
      fetched: [
        [-Infinity, good],
        [5, warning],
        [30, bad],
      ],
    },
    without: 'idle',
  }),
];

const parts = states({
  title: 'Parts',
  description: 'State of each part of the cache. critical: pulls fail or will soon. The console has reason and mend.',
  queries: [
    {
      expr: `max by (part) (\n  2 * (1 - ${of('cistern_part_up')})\n  or (${of('cistern_problem_since_timestamp_seconds', 'severity="warning"')} > bool 0)\n)`,
      legend: '{{part}}',
    },
  ],
  states: [
    [0, 'well', good],
    [1, 'warning', warning],
    [2, 'critical', bad],
  ],
});

export const overview: DashboardPlan = {
  uid: 'cistern-overview',
  title: 'Cistern: overview',
  description: 'Is the cache well, what does it save, what is slow?',
  rows: [
    { height: 4, panels: figures, widths: [4, 4, 3, 3, 3, 3, 4] },
    {
      height: 8,
      panels: [
        parts,
        lines({
          title: 'Responses',
          description:
            'Responses by status class. Errors have the axis at the right. aborted: the client disconnected.',
          unit: 'reqps',
          queries: [
            { expr: occurred('status', 'cistern_requests_total', 'status=~"2xx|3xx"'), legend: '{{status}}' },
            { expr: occurred('status', 'cistern_requests_total', 'status=~"4xx|5xx|aborted"'), legend: '{{status}}' },
          ],
          words: ['2xx', '3xx', '4xx', '5xx', 'aborted'],
          right: { label: 'errors', series: '/^(4xx|5xx|aborted)$/' },
          without: 'no requests',
        }),
      ],
    },
    {
      height: 12,
      panels: [
        lines({
          title: 'Pulls by cache result',
          description:
            'joined: followed a fetch in progress. revalidated: the upstream confirmed the tag. stale: served without confirmation.',
          unit: 'reqps',
          queries: [
            {
              expr: occurred('result', 'cistern_requests_total', `${succeeded},result!="NONE"`),
              legend: '{{result}}',
            },
          ],
          words: ['hit', 'joined', 'revalidated', 'due', 'stale', 'miss'],
          isStacked: true,
          without: 'no pulls',
        }),
        lines({
          title: 'Time to first byte',
          description: 'cached: hit or stale. fetched: miss or joined, which wait for an upstream.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, '', firstByte, `${pulls},${fromCache}`), legend: 'cached p50' },
            { expr: quantile(0.99, '', firstByte, `${pulls},${fromCache}`), legend: 'cached p99' },
            { expr: quantile(0.5, '', firstByte, `${pulls},${fetched}`), legend: 'fetched p50' },
            { expr: quantile(0.99, '', firstByte, `${pulls},${fetched}`), legend: 'fetched p99' },
          ],
          without: 'no pulls',
        }),
      ],
    },
    {
      height: 10,
      panels: [
        lines({
          title: 'Bytes',
          description: 'The distance between the lines is saved. Bytes of redirects to the store are not counted.',
          unit: 'Bps',
          queries: [
            { expr: occurred('', 'cistern_response_bytes_total'), legend: 'to clients' },
            { expr: occurred('', 'cistern_upstream_received_bytes_total'), legend: 'from upstreams' },
          ],
          without: 'none',
        }),
        lines({
          title: 'Served stale, and rejected',
          description:
            'stale: tags and lists served although their confirmation failed. rejected: clients without valid credentials, or over a limit.',
          unit: 'reqps',
          queries: [
            {
              expr: occurred('upstream, reason', 'cistern_stale_answers_total', 'reason!="revalidating"'),
              legend: 'stale: {{upstream}} {{reason}}',
            },
            {
              expr: occurred('result', 'cistern_authentications_total', 'result!="accepted"'),
              legend: 'rejected: {{result}}',
            },
            { expr: occurred('limit', 'cistern_limited_total'), legend: 'rejected: limit of {{limit}}' },
          ],
          shades: { ...staleColours, '/^rejected: /': 'yellow' },
          without: 'none',
        }),
      ],
    },
  ],
};
