// Runs the queries of a dashboard on a Prometheus, as Grafana does, with all values of all variables.
import type { PrometheusApi, Range, Series } from './prometheus-api.ts';

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly instant?: boolean;
}

interface Annotation {
  readonly expr: string;
  readonly iconColor: string;
  readonly useValueForTime?: 'on';
}

/** The parts of Grafana's JSON that are needed to run its queries. */
export interface DrawnDashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly { readonly id: number; readonly targets?: readonly Target[] }[];
  readonly annotations: { readonly list: readonly Annotation[] };
}

interface DrawnSeries {
  readonly refId: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** In milliseconds. */
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
}

/** All times are in milliseconds. */
export interface Answers {
  readonly from: number;
  readonly to: number;
  readonly panels: Readonly<Record<number, readonly DrawnSeries[]>>;
  readonly annotations: readonly { readonly colour: string; readonly from: number; readonly to: number }[];
}

export interface Times extends Range {
  /** The value of `$__rate_interval` in seconds. */
  readonly rateSeconds: number;
}

export async function answerDashboard(
  api: PrometheusApi,
  { panels, annotations }: DrawnDashboard,
  times: Times,
): Promise<Answers> {
  const jobs = await api.query('group by (job) (cistern_build_info)', times.toSeconds);
  const job = jobs.map(({ metric }) => metric['job']).join('|');
  const rangeSeconds = times.toSeconds - times.fromSeconds;
  const fill = (expression: string) => fillVariables(expression, { job, rangeSeconds, rateSeconds: times.rateSeconds });

  const answer = async ({ refId, expr, legendFormat, instant = false }: Target): Promise<DrawnSeries[]> => {
    const found = instant ? await api.query(fill(expr), times.toSeconds) : await api.queryRange(fill(expr), times);
    return found.map((series) => ({
      refId,
      name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => series.metric[label] ?? ''),
      labels: series.metric,
      ...(instant ? samplesOf(series) : withGaps(series, times)),
    }));
  };
  const answered: Record<number, DrawnSeries[]> = {};
  for (const { id, targets = [] } of panels)
    answered[id] = (await Promise.all(targets.map((target) => answer(target)))).flat();

  const marks = await Promise.all(
    annotations.list.map(async ({ expr, iconColor: colour, useValueForTime }) => {
      const found = await api.queryRange(fill(expr), times);
      const ranges =
        useValueForTime === undefined ? found.flatMap((series) => rangesOf(series, times)) : found.flatMap(pointsOf);
      return ranges.map((range) => ({ colour, ...range }));
    }),
  );
  const [from, to] = [times.fromSeconds * 1000, times.toSeconds * 1000];
  return { from, to, panels: answered, annotations: marks.flat().filter((mark) => mark.to >= from && mark.from <= to) };
}

/** Replaces the variables of an expression. All but `$job` get all values. */
export function fillVariables(
  expression: string,
  {
    job,
    rangeSeconds,
    rateSeconds,
  }: { readonly job: string; readonly rangeSeconds: number; readonly rateSeconds: number },
): string {
  return expression
    .replaceAll('$__rate_interval', `${rateSeconds}s`)
    .replaceAll('$__range', `${rangeSeconds}s`)
    .replaceAll('$job', job)
    .replaceAll(/\$(?:cluster|namespace|instance|upstream)\b/g, '.*');
}

function numberOf(text: string): number | null {
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}

function samplesOf({ values }: Series): Pick<DrawnSeries, 'times' | 'values'> {
  return { times: values.map(([at]) => at * 1000), values: values.map(([, text]) => numberOf(text)) };
}

/** Returns a sample at each step, which is `null` without a value, so that no line crosses a gap. */
function withGaps(
  series: Series,
  { fromSeconds, toSeconds, stepSeconds }: Range,
): Pick<DrawnSeries, 'times' | 'values'> {
  const known = new Map(series.values.map(([at, text]) => [at, numberOf(text)]));
  const times = Array.from(
    { length: Math.floor((toSeconds - fromSeconds) / stepSeconds) + 1 },
    (_, step) => fromSeconds + step * stepSeconds,
  );
  return { times: times.map((at) => at * 1000), values: times.map((at) => known.get(at) ?? null) };
}

/** Returns the ranges in which the series has a value. */
function rangesOf({ values }: Series, { stepSeconds }: Range): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const [at] of values) {
    const last = ranges.at(-1);
    if (last !== undefined && at * 1000 - last.to <= stepSeconds * 1000) last.to = at * 1000;
    else ranges.push({ from: at * 1000, to: at * 1000 });
  }
  return ranges;
}

/** Returns the points in time that are the values of the series. */
function pointsOf({ values }: Series): { from: number; to: number }[] {
  return [...new Set(values.map(([, text]) => Math.floor(Number(text))))].map((at) => ({ from: at, to: at }));
}
