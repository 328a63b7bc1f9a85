// Reads a metric of nodes from their `/metrics`.
import type { ClusterNode } from '@cistern/test-servers';

/** Returns the sum over all running nodes and all series with the given labels. Zero if there is none. */
export async function readMetric(
  nodes: readonly Pick<ClusterNode, 'metricsUrl' | 'isRunning'>[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const texts = nodes.filter((node) => node.isRunning()).map(async ({ metricsUrl }) => readText(metricsUrl));
  const lines = (await Promise.all(texts)).flatMap((text) => text.split('\n'));
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return lines
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((pair) => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function readText(metricsUrl: string): Promise<string> {
  return (await fetch(`${metricsUrl}/metrics`)).text();
}
