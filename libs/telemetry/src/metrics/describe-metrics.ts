// The reference page of the metrics, made from the code, so that it cannot say anything else.
import { createMetrics } from './create-metrics.ts';
import { observeCache, observeJobs } from './observe-cache.ts';

const introduction = `# Metrics

*This page is generated from the code: change the code, then run \`npm run docs\`.*

Every process serves its metrics for Prometheus on \`http.debug.addr\` (port 5001, \`/metrics\`; a single process on this machine
alone, unless told otherwise), with those of Node.js beside its own. Times
are in seconds, sizes in bytes. Labels are of few values: never a repository, tag, digest, client or user. Series of known labels
begin at zero. Rules and dashboards are in [infra/prometheus](../infra/prometheus) and [infra/grafana](../infra/grafana).`;

const nodeMetrics = 'Told by the admin node of a cluster, for all of it:';

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
}

/** Markdown; ends with a line break. */
export async function describeMetrics(): Promise<string> {
  const { registry } = createMetrics({ upstreams: ['docker.io'] });
  const ofEveryProcess = await registry.getMetricsAsJSON();
  observeCache(registry, { totals: async () => ({ blobs: 0, bytes: 0 }), parts: {} });
  observeJobs(registry, async () => []);
  const known = new Set(ofEveryProcess.map(({ name }) => name));
  const ofAdmin = (await registry.getMetricsAsJSON()).filter(({ name }) => !known.has(name));
  const labelsOf = (name: string) => {
    const metric = registry.getSingleMetric(name) as unknown as { readonly labelNames?: readonly string[] };
    return metric.labelNames ?? [];
  };
  const table = (metrics: readonly Described[]) =>
    [
      '| metric | type | labels | what it tells |',
      '|---|---|---|---|',
      ...metrics
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, help, type }) => {
          const labels = labelsOf(name).map((label) => `\`${label}\``);
          return `| \`${name}\` | ${String(type)} | ${labels.join(', ')} | ${help} |`;
        }),
    ].join('\n');
  return `${[introduction, table(ofEveryProcess), nodeMetrics, table(ofAdmin)].join('\n\n')}\n`;
}
