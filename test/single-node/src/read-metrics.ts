import { sendRequest } from './send-request.ts';

/**
 * Resolves to the values of Cistern's own series. The keys are name and labels as in Prometheus' text format:
 * `cistern_fills_total{class="background",result="done"}`.
 */
export async function readMetrics({
  metricsUrl,
}: {
  readonly metricsUrl: string;
}): Promise<ReadonlyMap<string, number>> {
  const text = (await sendRequest(`${metricsUrl}/metrics`)).body.toString();
  return new Map(
    text
      .split('\n')
      .filter((line) => line.startsWith('cistern_'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}
