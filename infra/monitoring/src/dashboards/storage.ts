// The dashboard of the store and the index: is there room, what is evicted, is the content right, does the index answer?
import { bad, failureColours, good, neutral, warning } from './colours.ts';
import type { DashboardPlan } from './dashboard.ts';
import { lines } from './lines.ts';
import { figure } from './panel.ts';
import { increase, occurred, of, quantile, rate, sumOf } from './queries.ts';

const stored = `max(${of('cistern_cached_bytes')})`;
const index = 'cistern_index_call_duration_seconds';
const found = 'cistern_scrub_objects_total';

const figures = [
  figure({
    title: 'Stored',
    description: 'Bytes of blobs and manifests in the store, by the index.',
    unit: 'bytes',
    decimals: 1,
    queries: [{ expr: stored, legend: 'stored', instant: true }],
    steps: [[-Infinity, neutral]],
    without: 'unknown',
  }),
  figure({
    title: 'Used of the limit',
    description: 'Share of storage.maxbytes in use. Eviction keeps it at 100 % at most.',
    unit: 'percentunit',
    decimals: 0,
    queries: [{ expr: `${stored} / (max(${of('cistern_store_max_bytes')}) > 0)`, legend: 'used', instant: true }],
    steps: [
      [-Infinity, good],
      [1.02, bad],
    ],
    without: '–',
  }),
  figure({
    title: 'Evicted',
    description: 'Bytes evicted in the time range, to free space or because of their age.',
    unit: 'bytes',
    decimals: 1,
    queries: [{ expr: sumOf('', increase('cistern_evicted_bytes_total')), legend: 'evicted', instant: true }],
    steps: [[-Infinity, neutral]],
    without: 'no worker',
  }),
  figure({
    title: 'Damaged objects',
    description: 'Objects found in the time range whose bytes do not match their digest. They are fetched again.',
    unit: 'none',
    decimals: 0,
    queries: [{ expr: sumOf('', increase(found, 'kind="damaged"')), legend: 'damaged', instant: true }],
    steps: [
      [-Infinity, good],
      [0.5, bad],
    ],
    without: 'no worker',
  }),
  figure({
    title: 'Failed store operations',
    description: 'Operations of the store that failed in the time range.',
    unit: 'short',
    queries: [{ expr: sumOf('', increase('cistern_store_errors_total')), legend: 'failed', instant: true }],
    steps: [
      [-Infinity, good],
      [0.5, warning],
    ],
    without: 'no node',
  }),
  figure({
    title: 'Scrub',
    description: 'Progress of the scrub that runs. Between scrubs there is none.',
    unit: 'percentunit',
    decimals: 0,
    queries: [{ expr: `max(${of('cistern_scrub_progress_ratio')}) >= 0`, legend: 'progress', instant: true }],
    steps: [[-Infinity, neutral]],
    without: 'none',
  }),
];

export const storage: DashboardPlan = {
  uid: 'cistern-storage',
  title: 'Cistern: storage and index',
  description: 'Is there room, what is evicted, is the content right, and does the index answer?',
  rows: [
    { height: 4, panels: figures },
    {
      height: 10,
      panels: [
        lines({
          title: 'Stored bytes',
          description:
            'Dashed: the limit (storage.maxbytes) and the space that stays free (storage.minfree). S3 reports no free space.',
          unit: 'bytes',
          queries: [
            { expr: stored, legend: 'stored' },
            { expr: `max(${of('cistern_store_max_bytes')}) > 0`, legend: 'limit' },
            { expr: `min(${of('cistern_store_free_bytes')}) >= 0`, legend: 'free on disk' },
            { expr: `max(${of('cistern_store_min_free_bytes')}) > 0`, legend: 'minimum free' },
          ],
          limits: '/^(limit|minimum free)$/',
        }),
        lines({
          title: 'Stored and evicted',
          description: 'Bytes per second. If eviction removes content that is pulled again, the store is too small.',
          unit: 'Bps',
          queries: [
            { expr: occurred('', 'cistern_fill_bytes_total'), legend: 'stored' },
            { expr: occurred('', 'cistern_evicted_bytes_total'), legend: 'evicted' },
          ],
          without: 'none',
        }),
      ],
    },
    {
      height: 13,
      panels: [
        lines({
          title: 'Failed operations',
          description: 'Operations of the store that failed, by operation. "Not found" is not a failure.',
          unit: 'ops',
          queries: [{ expr: occurred('operation', 'cistern_store_errors_total'), legend: '{{operation}}' }],
          shade: 'red',
          shades: failureColours,
          without: 'none failed',
        }),
        lines({
          title: 'Scrub',
          description:
            'Bytes read and hashed again. Right: findings. damaged: fetched again. adopted: not in the index. forgotten: not in the store.',
          unit: 'Bps',
          queries: [
            { expr: occurred('', 'cistern_scrub_bytes_total'), legend: 'read' },
            { expr: occurred('kind', found, 'kind!="objects"'), legend: '{{kind}}' },
          ],
          words: ['damaged', 'failed'],
          right: { label: 'findings', series: '/^(verified|adopted|forgotten|damaged|healed|failed)$/', unit: 'ops' },
          without: 'no scrub',
        }),
      ],
    },
    {
      height: 13,
      panels: [
        lines({
          title: 'Index calls',
          description: 'Calls to Redis by result. Failures have the axis at the right. A single process has no Redis.',
          unit: 'ops',
          queries: [
            { expr: sumOf('result', rate(`${index}_count`, 'result="answered"')), legend: '{{result}}' },
            { expr: occurred('result', `${index}_count`, 'result="failed"'), legend: '{{result}}' },
          ],
          words: ['answered', 'failed'],
          right: { label: 'failures', series: '/^failed$/' },
        }),
        lines({
          title: 'Duration of index calls',
          description: 'Time to the reply of Redis, by scrape job of the caller.',
          unit: 's',
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, 'job', index, 'result="answered"'),
            legend: `{{job}} p${q * 100}`,
          })),
          words: ['frontend p50', 'frontend p99', 'worker p50', 'worker p99', 'admin p50', 'admin p99'],
          without: 'no calls',
        }),
      ],
    },
  ],
};
