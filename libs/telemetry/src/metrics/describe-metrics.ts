// Creates the reference page of the metrics from the code, so that page and code cannot differ.
import { createMetrics } from './create-metrics.ts';
import { observeCache, observeJobs, observeNodes } from './observe-cache.ts';

const introduction = `# Metrics

*This page is generated from the code: change the code, then run \`npm run docs\`.*

Use this page to choose metrics for dashboards and alerts. Every process serves its metrics, and those of Node.js, for Prometheus on
\`http.debug.addr\` (port 5001, \`/metrics\`). By default a single process serves them to its own machine only.

Times are in seconds, sizes in bytes. Labels have few values: never a repository, tag, digest, client or user. Series with known labels start
at zero. Rules and dashboards are in [infra/prometheus](../infra/prometheus) and [infra/grafana](../infra/grafana).`;

const nodeMetrics = 'Reported for the whole cache, by the admin node or a single process:';

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
}

/** Resolves to the page in Markdown, which ends with a line break. */
export async function describeMetrics(): Promise<string> {
  const { registry } = createMetrics({ upstreams: ['docker.io'] });
  const commonMetrics = await registry.getMetricsAsJSON();
  observeCache(registry, { totals: async () => ({ blobs: 0, bytes: 0 }) });
  observeJobs(registry, async () => []);
  observeNodes(registry, [], async () => []);
  const known = new Set(commonMetrics.map(({ name }) => name));
  const adminMetrics = (await registry.getMetricsAsJSON()).filter(({ name }) => !known.has(name));
  const labelsOf = (name: string) => {
    const metric = registry.getSingleMetric(name) as unknown as { readonly labelNames?: readonly string[] };
    return metric.labelNames ?? [];
  };
  const table = (metrics: readonly Described[]) =>
    [
      '| metric | type | labels | meaning |',
      '|---|---|---|---|',
      ...metrics
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, help, type }) => {
          const labels = labelsOf(name).map((label) => `\`${label}\``);
          return `| \`${name}\` | ${String(type)} | ${labels.join(', ')} | ${help} |`;
        }),
    ].join('\n');
  return `${[introduction, table(commonMetrics), nodeMetrics, table(adminMetrics)].join('\n\n')}\n`;
}
