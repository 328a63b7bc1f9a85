// The dashboard of fetches and workers: do clients wait, do fetches fail, do workers keep up?
import { bad, good, jobColours, neutral, warning } from './colours.ts';
import type { DashboardPlan } from './dashboard.ts';
import { lines } from './lines.ts';
import { figure } from './panel.ts';
import { increase, occurred, of, quantile, sumOf } from './queries.ts';

const ended = 'cistern_fills_total';
const jobs = 'cistern_job_duration_seconds';

const figures = [
  figure({
    title: 'Oldest job that clients wait for',
    description: 'How long the oldest interactive job has waited for a worker.',
    unit: 's',
    queries: [
      {
        expr: `max(${of('cistern_queue_oldest_waiting_seconds', 'queue=~"interactive-.*"')})`,
        legend: 'oldest',
        instant: true,
      },
    ],
    steps: [
      [-Infinity, good],
      [2, warning],
      [10, bad],
    ],
    without: 'unknown',
  }),
  figure({
    title: 'Fetches that wait for a slot',
    description: 'Fetches that clients need and that are parked at a worker.',
    unit: 'none',
    queries: [{ expr: sumOf('', of('cistern_fills_parked', 'class="interactive"')), legend: 'parked', instant: true }],
    steps: [
      [-Infinity, good],
      [1, warning],
    ],
    without: 'no worker',
  }),
  figure({
    title: 'Failed fetches',
    description: 'Share of fetches in the time range that failed.',
    unit: 'percentunit',
    decimals: 1,
    queries: [
      {
        expr: `${sumOf('', increase(ended, 'result="failed"'))} / (${sumOf('', increase(ended))} > 0)`,
        legend: 'failed',
        instant: true,
      },
    ],
    steps: [
      [-Infinity, good],
      [0.01, warning],
      [0.1, bad],
    ],
    without: 'no fetches',
  }),
  figure({
    title: 'Fetched',
    description: 'Bytes that fetches committed to the store in the time range.',
    unit: 'bytes',
    decimals: 1,
    queries: [{ expr: sumOf('', increase('cistern_fill_bytes_total')), legend: 'fetched', instant: true }],
    steps: [[-Infinity, neutral]],
    without: 'no worker',
  }),
];

export const fills: DashboardPlan = {
  uid: 'cistern-fills',
  title: 'Cistern: fills and workers',
  description: 'Do clients wait, do fetches fail, do workers keep up?',
  rows: [
    { height: 4, panels: figures },
    {
      height: 10,
      panels: [
        lines({
          title: 'Fetches in progress',
          description: 'Clients wait for interactive fetches. parked: waiting for a slot of a worker.',
          unit: 'short',
          queries: [
            { expr: sumOf('class', of('cistern_fills_in_flight')), legend: '{{class}}' },
            { expr: `${sumOf('class', of('cistern_fills_parked'))} > 0`, legend: '{{class}} parked' },
          ],
          words: ['interactive', 'background', 'interactive parked', 'background parked'],
        }),
        lines({
          title: 'Ended fetches',
          description: 'moved: another worker continued the fetch. Failures have the axis at the right.',
          unit: 'ops',
          queries: [
            { expr: occurred('result', ended, 'result!="failed"'), legend: '{{result}}' },
            { expr: occurred('result', ended, 'result="failed"'), legend: '{{result}}' },
          ],
          words: ['done', 'moved', 'failed'],
          right: { label: 'failures', series: '/^failed$/' },
          without: 'no fetches',
        }),
      ],
    },
    {
      height: 10,
      panels: [
        lines({
          title: 'Duration of fetches',
          description: 'From the claim of a fetch to its end.',
          unit: 's',
          queries: [0.5, 0.95].map((q) => ({
            expr: quantile(q, 'class', 'cistern_fill_duration_seconds'),
            legend: `{{class}} p${q * 100}`,
          })),
          words: ['interactive p50', 'interactive p95', 'background p50', 'background p95'],
          without: 'no fetches',
        }),
        lines({
          title: 'Spool',
          description: 'Disk space that fetches in progress have reserved, by worker.',
          unit: 'bytes',
          isByNode: true,
          queries: [{ expr: sumOf('job, instance', of('cistern_spool_bytes')), legend: '{{job}} {{instance}}' }],
        }),
      ],
    },
    {
      heading: 'Jobs',
      height: 13,
      panels: [
        lines({
          title: 'Waiting jobs',
          description: 'Jobs that no worker has taken yet. Clients wait for interactive jobs.',
          unit: 'short',
          queries: [{ expr: `max by (queue) (${of('cistern_queue_jobs', 'state="waiting"')})`, legend: '{{queue}}' }],
          shades: jobColours,
        }),
        lines({
          title: 'Jobs by name',
          description: 'Ended jobs by name. Failures have the axis at the right.',
          unit: 'ops',
          queries: [
            { expr: occurred('name', `${jobs}_count`, 'result="done"'), legend: '{{name}}' },
            { expr: occurred('name', `${jobs}_count`, 'result="failed"'), legend: '{{name}} failed' },
          ],
          shades: jobColours,
          right: { label: 'failures', series: '/ failed$/', shade: 'red' },
          without: 'no jobs',
        }),
        lines({
          title: 'Duration of jobs, p95',
          description: 'One in twenty jobs of the name takes longer.',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'name', jobs), legend: '{{name}}' }],
          shades: jobColours,
          without: 'no jobs',
        }),
      ],
    },
  ],
};
