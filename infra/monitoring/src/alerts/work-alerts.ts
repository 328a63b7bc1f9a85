// Alerts on queues, the index and the store.
import { type Alert, cache } from './alert.ts';

export const workAlerts: readonly Alert[] = [
  {
    alert: 'CisternQueueSlow',
    expr: `max by (${cache}, queue) (cistern_queue_oldest_waiting_seconds{queue=~"interactive-.*"}) > 10`,
    for: '2m',
    severity: 'critical',
    summary: 'A job that clients need has waited {{ $value | humanizeDuration }} in {{ $labels.queue }}',
    description:
      'No worker runs, or jobs that do not end occupy all slots. Cached content is served. Start workers, or raise worker.concurrency.',
    page: 'jobs',
  },
  {
    alert: 'CisternFetchesWait',
    expr: `sum by (${cache}) (cistern_fills_parked{class="interactive"}) > 0`,
    for: '3m',
    severity: 'warning',
    summary: '{{ $value }} blob fetches that clients need wait for a slot',
    description:
      'A slow upstream or a large number of new images occupies the slots. Other content is served. Start another worker, or raise worker.concurrency.',
    page: 'in-flight',
  },
  {
    alert: 'CisternStoreErrors',
    expr: `sum by (${cache}, operation) (rate(cistern_store_errors_total[5m])) > 0.1`,
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.operation }} operations of the store fail',
    description:
      'S3 or the disk returns errors. Content in memory is served, other pulls may fail. The log has the message of the store with errorKind store-unavailable.',
  },
  {
    alert: 'CisternIndexErrors',
    expr: `sum by (${cache}) (rate(cistern_index_call_duration_seconds_count{result="failed"}[5m])) / sum by (${cache}) (rate(cistern_index_call_duration_seconds_count[5m])) > 0.01`,
    for: '5m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of Redis calls fail',
    description:
      'Redis is overloaded, full (maxmemory), or does not answer within redis.commandtimeout. Cached content is served. Check its memory, and `redis-cli --latency`.',
  },
  {
    alert: 'CisternIndexSlow',
    expr: `histogram_quantile(0.99, sum by (${cache}, le) (rate(cistern_index_call_duration_seconds_bucket{result="answered"}[5m]))) > 0.1`,
    for: '10m',
    severity: 'warning',
    summary: 'One in a hundred Redis calls takes longer than {{ $value | humanizeDuration }}',
    description:
      'Each pull makes several calls, so pulls are slow. Redis swaps, waits for its disk, or is far away. Check `redis-cli --latency` and SLOWLOG GET.',
  },
  {
    alert: 'CisternStoreFull',
    expr: `max by (${cache}) (cistern_store_bytes) > 1.02 * max by (${cache}) (cistern_store_max_bytes)\nand max by (${cache}) (cistern_store_max_bytes) > 0`,
    for: '10m',
    severity: 'warning',
    summary: 'The store exceeds storage.maxbytes, and eviction does not reduce it',
    description:
      'Everything is pinned or was just pulled, or deletions fail. Pulls are served and the store grows. `cistern evict --dry-run` shows the next victims and why.',
    page: 'images',
  },
  {
    alert: 'CisternDiskFull',
    expr: 'cistern_store_free_bytes < 0.5 * cistern_store_min_free_bytes',
    for: '10m',
    severity: 'warning',
    summary: 'The disk of the store has {{ $value | humanize1024 }}B free, and eviction cannot free storage.minfree',
    description:
      'Other files use the disk, or all content is pinned. Cached content is served, and blobs that do not fit get 503. Free some space, or unpin images.',
    page: 'images',
  },
  {
    alert: 'CisternDamagedObjects',
    expr: `sum by (${cache}) (increase(cistern_scrub_objects_total{kind="damaged"}[1h])) > 0`,
    severity: 'warning',
    summary: 'The scrub found {{ $value | humanize }} stored objects that do not match their digest',
    description:
      'The objects are in quarantine and are fetched again. Check the disk, and other software that writes to the bucket. `cistern scrub` shows what the scrub found.',
  },
];
