import { sendRequest } from './send-request.ts';

/**
 * Reads Cistern's own series, by name and labels as in the text format:
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
