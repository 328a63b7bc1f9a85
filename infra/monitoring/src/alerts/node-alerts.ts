// Alerts on the nodes and the parts of a cache.
import { type Alert, cache, type RuleVariables } from './alert.ts';

const problem = 'cistern_problem_since_timestamp_seconds';
/** The kinds of problems that have an alert of their own. */
const ofOtherAlerts =
  'versions-mixed|clock-off|certificate-expires|upstream-failing|upstream-throttled|upstream-mismatch';
// Each admin node counts the whole cache. They are aggregated first, because the series of a new one has no history.
const now = `max by (${cache}, role) (cistern_nodes)`;
const last10m = `(${now})[10m:1m]`;
/**
 * The most nodes that were there for ten minutes in a row, so that the surge of a rolling update does not count. A shorter
 * history does not count either.
 */
const recently = `max_over_time((min_over_time(${last10m}) and count_over_time(${last10m}) >= 8)[1h:1m])`;
const hasRole = (role: string) => `max by (${cache}) (cistern_nodes{role="${role}"}) > 0`;
/** A standalone node does the work of a frontend and of a worker. */
const isReplaced = [hasRole('standalone'), `(${hasRole('frontend')} and ${hasRole('worker')})`];

export const nodeAlerts = ({ job }: Pick<RuleVariables, 'job'>): Alert[] => [
  {
    alert: 'CisternNodeDown',
    expr: `up{job=~"${job}"} == 0`,
    for: '2m',
    severity: 'critical',
    summary: '{{ $labels.job }} {{ $labels.instance }} cannot be scraped',
    description:
      'The process has ended or hangs, or Prometheus cannot reach its port 5001. The other nodes serve its clients. Read its last log lines and start it again.',
    page: 'nodes',
  },
  {
    alert: 'CisternNodesMissing',
    expr: `${now}\n< ${recently}`,
    for: '5m',
    severity: 'warning',
    summary: 'The cluster counts {{ $value }} nodes of the role {{ $labels.role }}, fewer than within the last hour',
    description:
      'A node has left the cluster and has not come back. Its target disappears with its DNS name, so no scrape fails. The other nodes serve its clients. If the reduction is intended, the alert ends within an hour.',
    page: 'nodes',
  },
  {
    alert: 'CisternRoleMissing',
    expr: [
      `${now} == 0\nand max by (${cache}, role) (max_over_time(cistern_nodes[1d])) > 0`,
      ...isReplaced.map((others) => `unless on (${cache}) ${others}`),
    ].join('\n'),
    for: '1m',
    severity: 'critical',
    summary: 'No node of the role {{ $labels.role }} is left',
    description:
      'All nodes of this role have left the cluster, and no other node does their work. Without frontends nothing is served. Without workers only cached content is served. Start the nodes, or read their last log lines.',
    page: 'nodes',
  },
  {
    alert: 'CisternNodesUnknown',
    expr: `count by (${cache}) (cistern_build_info)\nunless on (${cache}) count by (${cache}) (cistern_nodes)`,
    for: '10m',
    severity: 'warning',
    summary: 'Nothing counts the nodes of the cache',
    description:
      'The admin node does not run or is not scraped, or the index is unavailable. Pulls are served. Until then CisternNodesMissing and the alerts on queues cannot fire. Start the admin node.',
  },
  {
    alert: 'CisternAbsent',
    expr: 'absent(cistern_build_info)',
    for: '5m',
    severity: 'critical',
    summary: 'Prometheus scrapes no node of Cistern',
    description:
      'All targets are gone, or the configuration of Prometheus does not find them. No other alert on Cistern can fire. Check the page Targets of Prometheus.',
  },
  {
    alert: 'CisternPartDown',
    // Only if all spools are full, no blob can be fetched.
    expr: `min by (${cache}, part) (cistern_part_up{part!="spool"}) == 0\nor max by (${cache}, part) (cistern_part_up{part="spool"}) == 0`,
    for: '1m',
    severity: 'critical',
    summary: 'Unavailable: {{ $labels.part }}',
    description:
      'This part of the cache does not work, so pulls fail or will soon. The console and `cistern status` show the reason, what still works, and what to do.',
  },
  {
    alert: 'CisternDegraded',
    expr: `max by (${cache}, part, kind, subject) (${problem}{severity="warning",kind!~"${ofOtherAlerts}"}) > 0`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $labels.part }} {{ $labels.subject }} has a problem: {{ $labels.kind }}',
    description:
      'Pulls are served, but this part needs an operator. The console and `cistern status` show the reason and what to do.',
  },
  {
    alert: 'CisternMixedVersions',
    expr: `max by (${cache}) (${problem}{part="versions"}) > 0`,
    for: '1h',
    severity: 'warning',
    summary: 'Nodes have run different versions for an hour',
    description:
      'An upgrade has stopped halfway. Nodes of two neighbouring versions work together, but features of the newer one wait for all nodes. Complete the upgrade, or return to the older version.',
    page: 'nodes',
  },
  {
    alert: 'CisternClockOff',
    expr: `max by (${cache}) (${problem}{part="clock"}) > 0`,
    for: '5m',
    severity: 'warning',
    summary: 'The clock of a node is wrong',
    description:
      'The clocks of a node and of the index differ. The console and `cistern status` name the node. Tokens and tags expire too early or too late. Check the time synchronization of the machine.',
    page: 'nodes',
  },
  {
    alert: 'CisternCertificateExpires',
    expr: 'cistern_tls_certificate_expiry_timestamp_seconds - time() < 7 * 86400',
    for: '1h',
    severity: 'warning',
    summary: 'The certificate of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}',
    description:
      'The renewal fails. Clients connect until the certificate expires. Read the log for the reason, or replace the files: Cistern reads them again without a restart.',
    page: 'nodes',
  },
];
