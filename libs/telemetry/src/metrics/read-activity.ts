// Reads the activity of a process from its metrics. The activity has no counters of its own, so it always agrees with the
// metrics.
import type { JobMetrics } from './cache-metrics.ts';
import type { LabelValue } from './define-metrics.ts';
import { cachedOperations, type RequestMetrics } from './client-metrics.ts';
import { failureOutcomes, type UpstreamMetrics } from './upstream-metrics.ts';

export interface ActivityCounts {
  /**
   * Requests of clients for manifests, blobs and lists. Each request is also counted in at most one of the next five fields, and
   * in `errors` if it failed.
   */
  readonly requests: number;
  readonly hits: number;
  /** Requests that followed a fetch in flight. */
  readonly joined: number;
  readonly stale: number;
  readonly revalidated: number;
  readonly misses: number;
  /** Requests that ended with status 5xx. */
  readonly errors: number;
  /** `bytesServed` are the bytes of bodies sent to clients. `bytesFetched` are the bytes of bodies received from upstreams. */
  readonly bytesServed: number;
  readonly bytesFetched: number;
  /** Requests to upstreams, without token requests and pings. */
  readonly upstreamCalls: number;
}

export interface UpstreamActivity {
  readonly name: string;
  readonly calls: number;
  /** Requests without a response, or with an error that concerns the registry or this cache, not an image. */
  readonly errors: number;
  /**
   * The worst circuit breaker state of the upstream's registries in this process. `well` is closed, `probed` is half-open, and
   * `failing` is open.
   */
  readonly health: 'well' | 'probed' | 'failing';
}

export interface Activity {
  readonly counts: ActivityCounts;
  readonly upstreams: readonly UpstreamActivity[];
  /** The number of clients' requests in flight. */
  readonly inFlight: number;
  /** The number of running jobs. */
  readonly jobs: number;
}

type ActivityMetrics = RequestMetrics & UpstreamMetrics & JobMetrics;

const healths = ['well', 'probed', 'failing'] as const;
const uncountedOperations: ReadonlySet<LabelValue> = new Set(['token', 'ping']);

export async function readActivity(metrics: ActivityMetrics): Promise<Activity> {
  const [counts, upstreams, inFlight, jobs] = await Promise.all([
    readCounts(metrics),
    readUpstreams(metrics),
    sumOf(metrics.requestsInFlight),
    sumOf(metrics.jobsRunning),
  ]);
  const upstreamCalls = upstreams.reduce((sum, { calls }) => sum + calls, 0);
  return { counts: { ...counts, upstreamCalls }, upstreams, inFlight, jobs };
}

async function readCounts(metrics: ActivityMetrics): Promise<Omit<ActivityCounts, 'upstreamCalls'>> {
  const { values } = await metrics.requests.get();
  const cached = values.filter(({ labels }) => cachedOperations.has(labels.operation));
  const count = (matches: (labels: (typeof cached)[number]['labels']) => boolean) =>
    cached.reduce((sum, { labels, value }) => sum + (matches(labels) ? value : 0), 0);
  return {
    requests: count(() => true),
    hits: count(({ result }) => result === 'HIT'),
    joined: count(({ result }) => result === 'JOINED'),
    stale: count(({ result }) => result === 'STALE'),
    revalidated: count(({ result }) => result === 'REVALIDATED'),
    misses: count(({ result }) => result === 'MISS'),
    errors: count(({ status }) => status === '5xx'),
    bytesServed: await sumOf(metrics.responseBytes),
    bytesFetched: await sumOf(metrics.upstreamReceivedBytes),
  };
}

async function readUpstreams(metrics: ActivityMetrics): Promise<UpstreamActivity[]> {
  const [requests, states] = await Promise.all([metrics.upstreamRequests.get(), metrics.upstreamEndpointState.get()]);
  const found = new Map<string, { calls: number; errors: number; worst: number }>();
  const of = (upstream: LabelValue) => {
    const known = found.get(String(upstream)) ?? { calls: 0, errors: 0, worst: 0 };
    found.set(String(upstream), known);
    return known;
  };
  for (const { labels, value } of requests.values) {
    const upstream = of(labels.upstream);
    if (uncountedOperations.has(labels.operation)) continue;
    upstream.calls += value;
    if (failureOutcomes.has(labels.outcome)) upstream.errors += value;
  }
  for (const { labels, value } of states.values) of(labels.upstream).worst = Math.max(of(labels.upstream).worst, value);
  return [...found].map(([name, { calls, errors, worst }]) => ({
    name,
    calls,
    errors,
    health: healths[worst] ?? 'failing',
  }));
}

/**
 * Resolves to the number of responses in each bucket of the time to first byte. The key is the upper bound of the bucket in
 * seconds, and `+Inf` for the last bucket.
 */
export async function readLatencies({
  timeToFirstByte,
}: Pick<RequestMetrics, 'timeToFirstByte'>): Promise<ReadonlyMap<string, number>> {
  const { values } = await timeToFirstByte.get();
  const within = new Map<string, number>();
  for (const { labels, value, metricName } of values) {
    if (metricName?.endsWith('_bucket') !== true || !cachedOperations.has(labels.operation)) continue;
    const { le } = labels as { readonly le?: string | number };
    within.set(String(le), (within.get(String(le)) ?? 0) + value);
  }
  let before = 0;
  return new Map(
    [...within].map(([le, count]) => {
      const alone = count - before;
      before = count;
      return [le, alone];
    }),
  );
}

async function sumOf(metric: { get(): Promise<{ readonly values: readonly { readonly value: number }[] }> }) {
  const { values } = await metric.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}
