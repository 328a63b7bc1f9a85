// The metrics of jobs, fills, store, index and audit.
import { counter, gauge, histogram, type MetricsOf } from './define-metrics.ts';

const classes = ['interactive', 'background'] as const;
const jobResults = ['done', 'failed'] as const;

const evictionReasons = ['space', 'age'] as const;
/** The reason of an eviction. `space`: the store was full. `age`: the blob was not pulled for longer than its maximum age. */
export type EvictionReason = (typeof evictionReasons)[number];

const jobTable = {
  jobDuration: histogram(
    'cistern_job_duration_seconds',
    'Duration of jobs, by name, class and result.',
    { name: 'any', class: classes, result: jobResults },
    {
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
      starts: classes.flatMap((of) => jobResults.map((result) => ({ name: 'fetch-blob', class: of, result }))),
    },
  ),
  jobsRunning: gauge('cistern_jobs_running', 'Jobs that this worker is running.', { class: classes }),
};
export type JobMetrics = MetricsOf<typeof jobTable>;

const indexTable = {
  indexCallDuration: histogram(
    'cistern_index_call_duration_seconds',
    'Duration of index calls to Redis, by result.',
    { result: ['answered', 'failed'] },
    { buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5] },
  ),
};
export type IndexMetrics = MetricsOf<typeof indexTable>;

const storeOperations = ['stat', 'open', 'read', 'adoptFile', 'remove', 'list'] as const;
const uploadOperations = ['put', 'beginUpload', 'complete'] as const;
const objectOperations = ['readObject', 'writeObject', 'removeObject', 'listObjects'] as const;

const storeTable = {
  /** `operation`: the method of the store's interface that failed. */
  storeErrors: counter(
    'cistern_store_errors_total',
    'Failed operations of the blob store, by operation. "Not found" is not a failure.',
    { operation: [...storeOperations, ...uploadOperations, ...objectOperations, 'presign', 'sweepUploads', 'check'] },
  ),
  storeCheckDuration: gauge(
    'cistern_store_check_duration_seconds',
    'Duration of the last health check of the store that succeeded; NaN if the last one failed, or if there was none.',
    {},
    { value: Number.NaN },
  ),
};
export type StoreMetrics = MetricsOf<typeof storeTable>;

const auditTable = {
  /** `rate`: a node had more refusals than its rate limit allows. `index`: the index was unavailable or too slow. */
  auditEntriesDropped: counter(
    'cistern_audit_entries_dropped_total',
    'Audit entries missing in the console, by reason: rate for too many refusals at once, index for a slow or unavailable index.',
    { reason: ['rate', 'index'] },
  ),
};
export type AuditMetrics = MetricsOf<typeof auditTable>;

const problemTable = {
  partUp: gauge('cistern_part_up', 'Health of a part of the cache: 0 if it has a critical problem, else 1.', {
    part: 'any',
  }),
  /** Seconds since the epoch. `subject` is empty if the part is the only one of its kind. */
  problemSince: gauge(
    'cistern_problem_since_timestamp_seconds',
    'Start of a current problem, by part, kind, subject and severity (critical or warning). Without problems there is no series.',
    { part: 'any', kind: 'any', subject: 'any', severity: 'any' },
  ),
};

export const cacheMetrics = {
  ...problemTable,
  ...jobTable,
  ...indexTable,
  ...storeTable,
  ...auditTable,
  buildInfo: gauge('cistern_build_info', 'Always 1. The labels are the versions of Cistern and Node.js.', {
    version: 'any',
    node: 'any',
  }),

  fills: counter('cistern_fills_total', 'Fills that ended, by class and result.', {
    class: classes,
    result: ['done', 'moved', 'failed'],
  }),
  fillsParked: gauge(
    'cistern_fills_parked',
    'Fetches of blobs that are parked at this worker until they get a job slot.',
    {
      class: classes,
    },
  ),
  fillsInFlight: gauge('cistern_fills_in_flight', 'Fills in flight.', { class: classes }),
  fillDuration: histogram(
    'cistern_fill_duration_seconds',
    'Duration of fills, from the claim to the end.',
    { class: classes },
    { buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800] },
  ),
  fillBytes: counter('cistern_fill_bytes_total', 'Bytes committed to the store by fills.'),
  fillBytesSent: counter('cistern_fill_sent_bytes_total', 'Bytes of fills in flight sent to other nodes.'),
  fillSideBytes: counter(
    'cistern_fill_side_bytes_total',
    'Bytes fetched by side reads: ranged reads of bytes that are not in the spool. They are not stored.',
  ),
  spoolBytes: gauge('cistern_spool_bytes', 'Bytes of the spool reserved by fills in flight.'),
  readersCastOut: counter(
    'cistern_window_readers_cast_out_total',
    'Readers that were too slow for a shared window and continued with a read of their own.',
  ),

  storeBytes: gauge(
    'cistern_store_bytes',
    'Bytes of blobs and manifests in the store, reported by the worker that evicts; NaN on others.',
    {},
    { value: Number.NaN },
  ),
  storeMaxBytes: gauge('cistern_store_max_bytes', 'Maximum size of the store (storage.maxbytes); 0 without a limit.'),
  storeFreeBytes: gauge(
    'cistern_store_free_bytes',
    "Free bytes of the store's file system, reported by the worker that evicts; NaN on others and for S3.",
    {},
    { value: Number.NaN },
  ),
  storeMinFreeBytes: gauge(
    'cistern_store_min_free_bytes',
    "Bytes of the store's file system that eviction keeps free (storage.minfree), reported by the worker that evicts; NaN on others.",
    {},
    { value: Number.NaN },
  ),
  evictions: counter('cistern_evictions_total', 'Blobs and manifests evicted, by reason: space or age.', {
    reason: evictionReasons,
  }),
  evictedBytes: counter('cistern_evicted_bytes_total', 'Bytes of evicted blobs and manifests, by reason.', {
    reason: evictionReasons,
  }),
  evictionFailures: counter(
    'cistern_eviction_failures_total',
    'Failed tries to remove a blob or manifest from the store. Eviction continues with others.',
  ),

  scrubBytes: counter('cistern_scrub_bytes_total', 'Bytes of the store that scrubs read and hashed.'),
  /** `objects` counts all hashed objects. */
  scrubObjects: counter(
    'cistern_scrub_objects_total',
    'Objects that scrubs hashed, by finding: `verified` for the first time, `adopted` into the index, `forgotten` by it, `damaged`, `healed`. `damaged` includes objects that readers find. `failed`: objects that could not be read or removed.',
    { kind: ['objects', 'verified', 'adopted', 'forgotten', 'damaged', 'healed', 'failed'] },
  ),
  scrubProgress: gauge(
    'cistern_scrub_progress_ratio',
    'Progress of the scrub, from 0 to 1, reported by the worker that runs it; NaN on others and between scrubs.',
    {},
    { value: Number.NaN },
  ),
};
