// Counts requests in the metrics. Each kind of request holds its series, because this runs for every request.
import type { RequestFacts } from './request-facts.ts';
import type { RequestMetrics, RequestOperation, ResultLabel, StatusLabel } from './metrics/client-metrics.ts';

export interface RequestCounts {
  /** Counts a request that has ended. `isInFlight` is true if it was counted in `requestsInFlight` when it began. */
  ended(facts: RequestFacts, isInFlight: boolean): void;
}

export function createRequestCounts(metrics: RequestMetrics): RequestCounts {
  const inFlight = createSeries((operation: RequestOperation) => metrics.requestsInFlight.series({ operation }));
  const kinds = createSeries((operation: RequestOperation) =>
    createSeries((result: ResultLabel) => {
      const labels = { operation, result };
      return {
        requests: createSeries((status: StatusLabel) => metrics.requests.series({ ...labels, status })),
        bytes: metrics.responseBytes.series(labels),
        duration: metrics.requestDuration.series(labels),
        firstByte: metrics.timeToFirstByte.series(labels),
      };
    }),
  );
  return {
    ended(facts, isInFlight) {
      const { operation, cache = 'NONE', bytesSent, durationMs, timeToFirstByteMs } = facts;
      if (isInFlight) inFlight(operation).add(-1);
      const { requests, bytes, duration, firstByte } = kinds(operation)(cache);
      requests(statusLabel(facts)).add(1);
      bytes.add(bytesSent);
      if (durationMs !== undefined) duration.observe(durationMs / 1000);
      if (timeToFirstByteMs !== undefined) firstByte.observe(timeToFirstByteMs / 1000);
    },
  };
}

/** Returns a function that creates the series of a label value at its first use, and then returns the same series. */
function createSeries<K extends string, S>(create: (label: K) => S): (label: K) => S {
  const known = new Map<K, S>();
  return (label) => {
    const found = known.get(label);
    if (found !== undefined) return found;
    const created = create(label);
    known.set(label, created);
    return created;
  };
}

function statusLabel({ aborted, status }: RequestFacts): StatusLabel {
  if (aborted) return 'aborted';
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  return status < 500 ? '4xx' : '5xx';
}
