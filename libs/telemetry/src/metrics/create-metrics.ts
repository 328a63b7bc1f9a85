// Creates all metrics of a process, in a prom-client registry of their own. They are not in prom-client's global registry,
// because then two servers in one process would conflict.
import { collectDefaultMetrics, Registry } from 'prom-client';
import { cacheMetrics } from './cache-metrics.ts';
import { type Causes, createCauses } from './create-causes.ts';
import { clientMetrics } from './client-metrics.ts';
import { defineMetrics, type MetricsOf } from './define-metrics.ts';
import { upstreamMetrics } from './upstream-metrics.ts';

const table = { ...clientMetrics, ...upstreamMetrics, ...cacheMetrics };

export interface Metrics extends MetricsOf<typeof table> {
  readonly registry: Registry;
  readonly causes: Causes;
  /** Starts the series of further upstreams at zero. Does nothing for upstreams that have series already. */
  startUpstreams(names: readonly string[]): void;
}

export interface MetricsOptions {
  /** Names of the configured upstreams, so that their series start at zero. */
  readonly upstreams?: readonly string[];
  readonly version?: string;
  /** True adds prom-client's default metrics of this process: CPU, memory, event loop and garbage collection. Default: false. */
  readonly processMetrics?: boolean;
}

export function createMetrics({
  upstreams = [],
  version = 'unknown',
  processMetrics = false,
}: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry });
  const starters: ((names: readonly string[]) => void)[] = [];
  const started = new Set<string>();
  const metrics = defineMetrics(table, { registry, starters });
  metrics.buildInfo.set({ version, node: process.versions.node }, 1);
  const startUpstreams = (names: readonly string[]): void => {
    const added = names.filter((name) => !started.has(name));
    for (const start of starters) start(added);
    for (const name of added) started.add(name);
  };
  startUpstreams(upstreams);
  return { registry, causes: createCauses(), ...metrics, startUpstreams };
}
