// Metrics of the cache itself: its jobs and fills, its store and its index.
import { counter, gauge, histogram, type MetricsOf } from './define-metrics.ts';

const classes = ['interactive', 'background'] as const;
const jobResults = ['done', 'failed'] as const;

const evictionReasons = ['space', 'age'] as const;
/** Why a blob was evicted: the store was full, or nothing had pulled it for too long. */
export type EvictionReason = (typeof evictionReasons)[number];

const jobTable = {
  jobDuration: histogram(
    'cistern_job_duration_seconds',
    'Time that a worker took for a job, by its name and class and how it ended.',
    { job: 'any', class: classes, result: jobResults },
    {
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
      starts: classes.flatMap((name) => jobResults.map((result) => ({ job: 'fetch-blob', class: name, result }))),
    },
  ),
  jobsRunning: gauge('cistern_jobs_running', 'Jobs that a worker has in hand now.', { class: classes }),
};
export type JobMetrics = MetricsOf<typeof jobTable>;

const indexTable = {
  indexCallDuration: histogram(
    'cistern_index_call_duration_seconds',
    'Time until Redis answered a call of the index, by whether it did.',
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
    'Operations of the blob store that failed; "not found" is no failure.',
    { operation: [...storeOperations, ...uploadOperations, ...objectOperations, 'presign', 'sweepUploads', 'check'] },
  ),
};
export type StoreMetrics = MetricsOf<typeof storeTable>;

const auditTable = {
  /** `rate`: refusals beyond what a node may report in a second; `index`: Redis was unavailable, or too slow. */
  auditEntriesDropped: counter(
    'cistern_audit_entries_dropped_total',
    'Refusals, and what operators asked for, that did not come into the list of the console: too many at once, or no index.',
    { reason: ['rate', 'index'] },
  ),
};
export type AuditMetrics = MetricsOf<typeof auditTable>;

export const cacheMetrics = {
  ...jobTable,
  ...indexTable,
  ...storeTable,
  ...auditTable,
  buildInfo: gauge('cistern_build_info', 'Always 1; the version of Cistern and of Node are labels.', {
    version: 'any',
    node: 'any',
  }),

  fills: counter('cistern_fills_total', 'Fills that ended.', { class: classes, result: ['done', 'moved', 'failed'] }),
  fillsParked: gauge('cistern_fills_parked', 'Fetches of blobs that wait at this worker for a slot.', {
    class: classes,
  }),
  fillsInFlight: gauge('cistern_fills_in_flight', 'Fills that are running now.', { class: classes }),
  fillDuration: histogram(
    'cistern_fill_duration_seconds',
    'Time from the claim of a fill to its end.',
    { class: classes },
    { buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800] },
  ),
  fillBytes: counter('cistern_fill_bytes_total', 'Bytes that fills committed.'),
  fillBytesSent: counter(
    'cistern_fill_sent_bytes_total',
    'Bytes of fills in flight that were sent to other processes.',
  ),
  fillSideBytes: counter(
    'cistern_fill_side_bytes_total',
    'Bytes that were fetched beside fills, for readers of what is not in the spool, and that are not stored.',
  ),
  spoolBytes: gauge('cistern_spool_bytes', 'Bytes of the spool that fills in flight have reserved.'),
  readersCastOut: counter(
    'cistern_window_readers_cast_out_total',
    'Readers that were too slow for a shared window and went on with a read of their own.',
  ),

  storeBytes: gauge(
    'cistern_store_bytes',
    'Bytes of the blobs and manifests in the store, told by the one worker that evicts; NaN on the others.',
    {},
    { value: Number.NaN },
  ),
  storeMaxBytes: gauge('cistern_store_max_bytes', 'Bytes that the store may hold, as configured; 0 for any number.'),
  storeFreeBytes: gauge(
    'cistern_store_free_bytes',
    "Free bytes of the store's file system, from the one worker that evicts; NaN on the others, and for S3.",
    {},
    { value: Number.NaN },
  ),
  storeMinFreeBytes: gauge(
    'cistern_store_min_free_bytes',
    'Bytes of it that eviction keeps free (storage.minfree), from the same worker.',
    {},
    { value: Number.NaN },
  ),
  evictions: counter(
    'cistern_evictions_total',
    'Blobs and manifests that were removed from the store to make room, or because of their age.',
    { reason: evictionReasons },
  ),
  evictedBytes: counter('cistern_evicted_bytes_total', 'Their bytes.', { reason: evictionReasons }),
  evictionFailures: counter(
    'cistern_eviction_failures_total',
    'Blobs and manifests that the store did not remove, counted at each try. Eviction goes on with others.',
  ),

  scrubBytes: counter('cistern_scrub_bytes_total', 'Bytes of the store that were read to be hashed again.'),
  /** `objects`: all that were hashed. */
  scrubObjects: counter(
    'cistern_scrub_objects_total',
    'Objects of the store that were hashed, and what was found: `verified` for the first time, `adopted` into the index, `forgotten` by it, `damaged`, `healed`. `damaged` counts what readers find, too. `failed`: objects that could not be read or removed.',
    { kind: ['objects', 'verified', 'adopted', 'forgotten', 'damaged', 'healed', 'failed'] },
  ),
  scrubProgress: gauge(
    'cistern_scrub_progress_ratio',
    'How much of the store has been read through, from 0 to 1, told by the one worker that does it; NaN on the others, and between.',
    {},
    { value: Number.NaN },
  ),
};
