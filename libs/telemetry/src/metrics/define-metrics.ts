// The functions that define the metric tables. An entry of a table defines everything about a metric: its registration, its type,
// the series that start at zero, and its row in docs/metrics.md.
import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  type HeldCounter,
  type HeldGauge,
  type HeldHistogram,
  holdCounter,
  holdGauge,
  holdHistogram,
} from './held-series.ts';

/**
 * The values of a label: a list of known values, or `upstreams` for the names of the configured upstreams. `any` means that the
 * values are unknown until they occur.
 */
type LabelValues = readonly string[] | 'upstreams' | 'any';
type Labels<L extends string> = Readonly<Record<L, LabelValues>>;
type Series<L extends string> = Record<L, string>;

/** The value of a label in a collected metric. */
export type LabelValue = string | number | undefined;

/** The series that start at zero. Default: all combinations of the known label values. */
interface StartingSeries<L extends string> {
  readonly starts: readonly Series<L>[];
}

interface MetricContext {
  readonly registry: Registry;
  /** Functions that start the series of further upstreams at zero. */
  readonly starters: ((upstreams: readonly string[]) => void)[];
}

type Define<M> = (context: MetricContext) => M;

export interface MetricTable {
  readonly [property: string]: Define<Counter | Gauge | Histogram> | MetricTable;
}

/** The metrics that a table defines. The type of each metric includes the names of its labels. */
export type MetricsOf<T extends MetricTable> = {
  readonly [P in keyof T]: T[P] extends Define<infer M> ? M : T[P] extends MetricTable ? MetricsOf<T[P]> : never;
};

export function counter<L extends string = never>(
  name: string,
  help: string,
  labels?: Labels<L>,
  { starts }: Partial<StartingSeries<L>> = {},
): Define<HeldCounter<L>> {
  return (context) => {
    const metric = holdCounter<L>({ name, help, labelNames: namesOf(labels), registers: [context.registry] });
    startSeries(context, labels, starts, (series) => metric.inc(series, 0));
    return metric;
  };
}

export function gauge<L extends string = never>(
  name: string,
  help: string,
  labels?: Labels<L>,
  { value = 0 }: { readonly value?: number } = {},
): Define<HeldGauge<L>> {
  return (context) => {
    const metric = holdGauge<L>({ name, help, labelNames: namesOf(labels), registers: [context.registry] });
    startSeries(context, labels, undefined, (series) => metric.set(series, value));
    return metric;
  };
}

export function histogram<L extends string = never>(
  name: string,
  help: string,
  labels: Labels<L>,
  { buckets, starts }: { readonly buckets: number[] } & Partial<StartingSeries<L>>,
): Define<HeldHistogram<L>> {
  return (context) => {
    const metric = holdHistogram<L>({
      name,
      help,
      labelNames: namesOf(labels),
      buckets,
      registers: [context.registry],
    });
    startSeries(context, labels, starts, (series) => metric.zero(series));
    return metric;
  };
}

/** Starts the series of a metric. Series with a label `upstream` start when the upstreams are known. */
function startSeries<L extends string>(
  { starters }: MetricContext,
  labels: Labels<L> | undefined,
  starts: readonly Series<L>[] | undefined,
  start: (series: Series<L>) => void,
): void {
  const isOfUpstreams = starts === undefined && namesOf(labels).some((name) => labels![name] === 'upstreams');
  if (!isOfUpstreams) for (const series of starts ?? combine(labels, [])) start(series);
  else starters.push((upstreams) => combine(labels, upstreams).forEach(start));
}

/** Creates and registers the metrics of a table. */
export function defineMetrics<T extends MetricTable>(table: T, context: MetricContext): MetricsOf<T> {
  const defined = Object.entries(table).map(([property, entry]) => [
    property,
    typeof entry === 'function' ? entry(context) : defineMetrics(entry, context),
  ]);
  return Object.fromEntries(defined) as MetricsOf<T>;
}

function namesOf<L extends string>(labels: Labels<L> | undefined): L[] {
  return Object.keys(labels ?? {}) as L[];
}

/**
 * Returns the combinations of the label values. A metric without labels has one empty series. If a label may have any value, no
 * series are known.
 */
function combine<L extends string>(labels: Labels<L> | undefined, upstreams: readonly string[]): Series<L>[] {
  let combined: Partial<Series<L>>[] = [{}];
  for (const name of namesOf(labels)) {
    const given: LabelValues = labels![name];
    const values = given === 'any' ? [] : given === 'upstreams' ? upstreams : given;
    combined = combined.flatMap((series) => values.map((value) => ({ ...series, [name]: value })));
  }
  return combined as Series<L>[];
}
