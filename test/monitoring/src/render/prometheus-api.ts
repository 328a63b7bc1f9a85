// The queries of Prometheus' HTTP API.

export interface Range {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly stepSeconds: number;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [atSeconds: number, value: string])[];
}

/** Both reject with Prometheus' error message for an invalid expression. */
export interface PrometheusApi {
  /** Default time: now. */
  query(expression: string, atSeconds?: number): Promise<Series[]>;
  queryRange(expression: string, range: Range): Promise<Series[]>;
}

interface Answer {
  readonly error?: string;
  readonly data?: { readonly result: readonly (Omit<Series, 'values'> & Partial<Pick<Series, 'values'>> & Value)[] };
}

interface Value {
  readonly value?: readonly [number, string];
}

/** `url` has no path. An instant value is a series of one sample. */
export function prometheusApi(url: string): PrometheusApi {
  async function get(path: string, parameters: Record<string, string>): Promise<Series[]> {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const { data, error } = (await answer.json()) as Answer;
    if (data === undefined) throw new Error(`${parameters['query']}: ${error}`);
    return data.result.map(({ metric, value, values }) => ({ metric, values: values ?? (value ? [value] : []) }));
  }
  return {
    query: (query, atSeconds) => get('query', { query, ...(atSeconds !== undefined && { time: `${atSeconds}` }) }),
    queryRange: (query, { fromSeconds, toSeconds, stepSeconds }) =>
      get('query_range', { query, start: `${fromSeconds}`, end: `${toSeconds}`, step: `${stepSeconds}` }),
  };
}
