// Alerts on the servers around Cistern: haproxy with its own metrics, and an S3 server with those of MinIO. The proxies are
// those of infra/haproxy/haproxy.cfg. Without these servers the alerts never fire.
import type { Alert, RuleVariables } from './alert.ts';

export const serverAlerts = ({ haproxyJob, s3Job }: Pick<RuleVariables, 'haproxyJob' | 's3Job'>): Alert[] => [
  {
    alert: 'CisternBalancerDown',
    expr: `up{job=~"${haproxyJob}"} == 0`,
    for: '2m',
    severity: 'critical',
    summary: 'haproxy {{ $labels.instance }} cannot be scraped',
    description:
      'haproxy has ended, or Prometheus cannot reach its port 8404. Clients that connect through it get no answer. Start it again, or read its log.',
    page: 'nodes',
  },
  {
    alert: 'CisternBalancerEmpty',
    expr: 'haproxy_backend_active_servers{proxy="frontends"} == 0',
    for: '1m',
    severity: 'critical',
    summary: 'haproxy {{ $labels.instance }} has no frontend that is ready',
    description:
      'The store or the index is unavailable, or no frontend runs. Live frontends still serve cached content. `/readyz` of a frontend has the reason.',
    page: 'nodes',
  },
  {
    alert: 'CisternFrontendNotReady',
    expr: 'haproxy_backend_agg_server_status{proxy="frontends",state="DOWN"} > 0',
    for: '5m',
    severity: 'warning',
    summary: '{{ $value }} frontends fail the health checks of haproxy {{ $labels.instance }}',
    description:
      'These frontends run, but are not ready, or haproxy cannot reach them. The others serve their clients. `/readyz` of a frontend has the reason.',
    page: 'nodes',
  },
  {
    alert: 'CisternBalancerErrors',
    expr: `sum by (job, instance) (rate(haproxy_frontend_http_responses_total{proxy="registry",code="5xx"}[5m]))\n/ sum by (job, instance) (rate(haproxy_frontend_http_responses_total{proxy="registry"}[5m])) > 0.05`,
    for: '5m',
    severity: 'critical',
    summary: '{{ $value | humanizePercentage }} of the responses of haproxy {{ $labels.instance }} are errors',
    description:
      'Frontends answer with errors, or haproxy does not reach them. Its log has each failed request with the reason. If CisternErrors fires too, start there.',
  },
  {
    alert: 'CisternBalancerQueue',
    expr: 'haproxy_backend_current_queue{proxy=~"frontends.*"} > 0',
    for: '2m',
    severity: 'warning',
    summary: '{{ $value }} requests wait in haproxy {{ $labels.instance }} for a frontend',
    description:
      'All frontends have as many connections as haproxy allows. Clients wait, and after 30 seconds get 503. Start another frontend.',
  },
  {
    alert: 'CisternBalancerFull',
    expr: 'haproxy_process_current_connections / haproxy_process_max_connections > 0.8',
    for: '5m',
    severity: 'warning',
    summary: 'haproxy {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its connections',
    description:
      'At the limit, new clients wait without an answer. Raise HAPROXY_MAXCONN, or run another haproxy. Its statistics page shows the sources.',
  },
  {
    alert: 'CisternS3Down',
    expr: `up{job=~"${s3Job}"} == 0`,
    for: '2m',
    severity: 'critical',
    summary: 'The S3 server {{ $labels.instance }} cannot be scraped',
    description:
      'The server has ended or hangs. Frontends serve only content that they have in memory. Start it again, or read its log. Cistern recovers by itself.',
  },
  {
    alert: 'CisternS3DriveOffline',
    expr: 'minio_cluster_drive_offline_total > 0',
    for: '5m',
    severity: 'warning',
    summary: '{{ $value }} drives of the S3 server are offline',
    description:
      'The server works with fewer copies, or not at all if too many drives are lost. Check the drives. All content can be fetched again from upstreams.',
  },
  {
    alert: 'CisternS3Full',
    expr: 'minio_cluster_capacity_usable_free_bytes / minio_cluster_capacity_usable_total_bytes < 0.1',
    for: '10m',
    severity: 'warning',
    summary: 'The S3 server has {{ $value | humanizePercentage }} of its space left',
    description:
      'A full server refuses new objects: cached content is served, and nothing new is stored. Lower storage.maxbytes, so that eviction frees space, or add drives.',
    page: 'images',
  },
];
