// The dashboard of nodes: which run, which version, and which of them is short of something?
import { bad, good, neutral } from './colours.ts';
import type { DashboardPlan } from './dashboard.ts';
import { lines } from './lines.ts';
import { figure, states } from './panel.ts';
import { occurred, of, rate, sumOf } from './queries.ts';

const node = '{{job}} {{instance}}';

export const nodes: DashboardPlan = {
  uid: 'cistern-node',
  title: 'Cistern: nodes',
  description: 'Which nodes run, which version, and is one of them short of something?',
  rows: [
    {
      height: 8,
      panels: [
        states({
          title: 'Nodes',
          description: 'Whether Prometheus reaches each node. A row ends when its target disappears.',
          queries: [{ expr: `max by (job, instance) (${of('up')})`, legend: node }],
          states: [
            [0, 'down', bad],
            [1, 'up', good],
          ],
        }),
        lines({
          title: 'Nodes by role',
          description: 'Nodes that the cluster itself counts.',
          unit: 'none',
          queries: [{ expr: `max by (role) (${of('cistern_nodes')})`, legend: '{{role}}' }],
          words: ['frontend', 'worker', 'admin', 'standalone'],
        }),
        figure({
          title: 'Nodes by version',
          description: 'The versions that run. More than one: an upgrade is in progress.',
          unit: 'none',
          queries: [
            {
              expr: `count by (version) (${of('cistern_build_info')})`,
              legend: 'version {{version}}',
              instant: true,
            },
          ],
          steps: [[-Infinity, neutral]],
          without: 'no node',
        }),
      ],
      widths: [12, 7, 5],
    },
    {
      heading: 'Work',
      height: 10,
      panels: [
        lines({
          title: 'Requests',
          description: 'Requests of clients by node.',
          isByNode: true,
          unit: 'reqps',
          queries: [{ expr: occurred('job, instance', 'cistern_requests_total'), legend: node }],
          without: 'no requests',
        }),
        lines({
          title: 'Requests in flight',
          description: 'Requests that the node is serving.',
          isByNode: true,
          unit: 'short',
          queries: [{ expr: sumOf('job, instance', of('cistern_requests_in_flight')), legend: node }],
        }),
        lines({
          title: 'Bytes sent',
          description: 'To clients, and for workers to the nodes that follow their fetches.',
          isByNode: true,
          unit: 'Bps',
          queries: [
            { expr: occurred('job, instance', 'cistern_response_bytes_total'), legend: node },
            { expr: occurred('job, instance', 'cistern_fill_sent_bytes_total'), legend: `${node} to nodes` },
          ],
          without: 'none',
        }),
      ],
    },
    {
      heading: 'Process',
      height: 12,
      panels: [
        lines({
          title: 'CPU',
          description: 'CPU seconds per second. JavaScript of a node runs on one core.',
          isByNode: true,
          unit: 'percentunit',
          queries: [{ expr: sumOf('job, instance', rate('process_cpu_seconds_total')), legend: node }],
        }),
        lines({
          title: 'Event loop delay, p99',
          description: 'The delay of timers. A high value delays all requests of the node.',
          isByNode: true,
          unit: 's',
          queries: [{ expr: `max by (job, instance) (${of('nodejs_eventloop_lag_p99_seconds')})`, legend: node }],
        }),
        lines({
          title: 'Memory',
          description: 'Resident memory of the process.',
          isByNode: true,
          unit: 'bytes',
          queries: [{ expr: sumOf('job, instance', of('process_resident_memory_bytes')), legend: node }],
        }),
      ],
    },
    {
      height: 12,
      panels: [
        lines({
          title: 'Open files',
          description: 'Share of the limit of open files, which include connections.',
          isByNode: true,
          unit: 'percentunit',
          queries: [
            {
              expr: `max by (job, instance) (${of('process_open_fds')} / ${of('process_max_fds')})`,
              legend: node,
            },
          ],
        }),
        lines({
          title: 'Garbage collection',
          description: 'Share of the time in the garbage collector.',
          isByNode: true,
          unit: 'percentunit',
          queries: [{ expr: sumOf('job, instance', rate('nodejs_gc_duration_seconds_sum')), legend: node }],
        }),
      ],
    },
  ],
};
