// Expressions of panels. Each selects the caches and nodes that the variables of the dashboard name.

/** The matchers of the variables. A label that does not exist matches `.*`. */
const chosen = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job",instance=~"$instance"';

/** Returns a selector of a metric, with more matchers if given. */
export function of(metric: string, matchers = ''): string {
  return `${metric}{${chosen}${matchers && `,${matchers}`}}`;
}

/** Returns the growth per second, over the shortest time that has enough samples. */
export function rate(metric: string, matchers = ''): string {
  return `rate(${of(metric, matchers)}[$__rate_interval])`;
}

/**
 * Returns the growth per second by labels, only of series that grow within the time range of the dashboard. So a line of
 * errors is there only if there are errors, and an idle panel shows its text instead of lines at zero.
 */
export function occurred(by: string, metric: string, matchers = ''): string {
  const grown = `sum by (${by}) (increase(${of(metric, matchers)}[$__range] @ end())) > 0`;
  return `${sumOf(by, rate(metric, matchers))} and on (${by}) ${grown}`;
}

/** Returns the growth within the time range of the dashboard. */
export function increase(metric: string, matchers = ''): string {
  return `increase(${of(metric, matchers)}[$__range])`;
}

export function sumOf(by: string, expression: string): string {
  return by === '' ? `sum(${expression})` : `sum by (${by}) (${expression})`;
}

/**
 * Returns a quantile of a histogram by the labels `by`. `metric` is its name without `_bucket`. Without observations it has
 * no series.
 */
export function quantile(q: number, by: string, metric: string, matchers = ''): string {
  return `histogram_quantile(${q}, ${sumOf(['le', by].filter(Boolean).join(', '), rate(`${metric}_bucket`, matchers))}) >= 0`;
}

/** Returns a quantile of a histogram within the time range of the dashboard. */
export function quantileInRange(q: number, metric: string, matchers: string): string {
  return `histogram_quantile(${q}, ${sumOf('le', increase(`${metric}_bucket`, matchers))}) >= 0`;
}

/** Returns `expression`, or 0 if it has no series but nodes are there. Without nodes it has no series. */
export function orZero(expression: string): string {
  return `${expression} or 0 * count(${of('cistern_build_info')})`;
}

/** Pulls are requests for manifests and blobs. */
export const pulls = 'operation=~"manifest|blob"';
export const succeeded = `${pulls},status=~"2xx|3xx"`;
