// Metrics whose series can be held by their users. At each `inc` and `observe`, prom-client builds a text from the labels to look up
// the series. That takes half a microsecond and some hundred bytes. A held series is a plain number until a scrape.
import {
  Counter,
  type CounterConfiguration,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
} from 'prom-client';

type Labels<L extends string> = Record<L, string>;

interface Addable {
  add(amount: number): void;
}

interface WithSeries<L extends string> {
  /** Returns a series of the metric. Amounts that are added to it are in the metric at the next scrape, or at `get`. */
  series(labels: Labels<L>): Addable;
}

export type HeldCounter<L extends string> = Counter<L> & WithSeries<L>;
export type HeldGauge<L extends string> = Gauge<L> & WithSeries<L>;

export function holdCounter<L extends string>(configuration: CounterConfiguration<L>): HeldCounter<L> {
  const held = createHeld<L>();
  const metric: Counter<L> = new Counter({
    ...configuration,
    collect: () => held.flush((labels, amount) => metric.inc(labels, amount)),
  });
  return Object.assign(metric, { series: held.series });
}

export function holdGauge<L extends string>(configuration: GaugeConfiguration<L>): HeldGauge<L> {
  const held = createHeld<L>();
  const metric: Gauge<L> = new Gauge({
    ...configuration,
    collect: () => held.flush((labels, amount) => metric.inc(labels, amount)),
  });
  return Object.assign(metric, { series: held.series });
}

/** Keeps amounts until `flush` gives them to prom-client. */
function createHeld<L extends string>() {
  const held: { readonly labels: Labels<L>; amount: number }[] = [];
  return {
    series(labels: Labels<L>): Addable {
      const one = { labels, amount: 0 };
      held.push(one);
      return {
        add(amount) {
          one.amount += amount;
        },
      };
    },
    flush(give: (labels: Labels<L>, amount: number) => void): void {
      for (const one of held) {
        if (one.amount === 0) continue;
        give(one.labels, one.amount);
        one.amount = 0;
      }
    },
  };
}

export type HeldHistogram<L extends string> = Histogram<L> & {
  /** Returns a series of the histogram, like `series` of a counter. */
  series(labels: Labels<L>): { observe(value: number): void };
};

/** The values of one series in prom-client's `Histogram`, which has no method that adds several observations at a time. */
interface HistogramValues {
  readonly labels: object;
  readonly bucketValues: Record<number, number>;
  sum: number;
  count: number;
}

export function holdHistogram<L extends string>(
  configuration: HistogramConfiguration<L> & { readonly buckets: readonly number[] },
): HeldHistogram<L> {
  const { buckets } = configuration;
  const held: { readonly labels: Labels<L>; readonly counts: number[]; sum: number }[] = [];
  const metric: Histogram<L> = new Histogram({ ...configuration, collect: flush });

  function valuesOf(labels: Labels<L>): HistogramValues {
    const { hashMap } = metric as unknown as { readonly hashMap: Readonly<Record<string, HistogramValues>> };
    const names = Object.keys(labels) as L[];
    const isSame = (other: Partial<Labels<L>>) => names.every((name) => other[name] === labels[name]);
    const find = () => Object.values(hashMap).find((values) => isSame(values.labels));
    const found = find();
    if (found !== undefined) return found;
    metric.zero(labels);
    return find()!;
  }

  function flush(): void {
    for (const one of held) {
      const count = one.counts.reduce((sum, value) => sum + value, 0);
      if (count === 0) continue;
      const values = valuesOf(one.labels);
      // The last count is that of values above all buckets, which only the count of the series includes.
      for (const [at, bound] of buckets.entries()) values.bucketValues[bound]! += one.counts[at]!;
      values.sum += one.sum;
      values.count += count;
      one.counts.fill(0);
      one.sum = 0;
    }
  }

  return Object.assign(metric, {
    series(labels: Labels<L>) {
      const one = { labels, counts: Array.from({ length: buckets.length + 1 }, () => 0), sum: 0 };
      held.push(one);
      return {
        observe(value: number): void {
          let at = 0;
          while (at < buckets.length && value > buckets[at]!) at += 1;
          one.counts[at]! += 1;
          one.sum += value;
        },
      };
    },
  });
}
