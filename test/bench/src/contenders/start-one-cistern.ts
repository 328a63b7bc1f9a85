// Starts Cistern as one process in front of the run's upstream.
import { startCistern } from '@cistern/test-servers';
import { allocatedBytesOf, reportingAllocations } from '../load/allocations.ts';
import type { Contender, Site } from './contender.ts';

export interface OneCisternOptions {
  /** Sections of the configuration besides `upstreams`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether the process reports its allocations. That module takes some milliseconds of the start. Default: true. */
  readonly isReporting?: boolean;
}

/** The caller closes it. */
export async function startOneCistern(
  { upstream, checkout }: Site,
  { config = {}, isReporting = true }: OneCisternOptions = {},
): Promise<Contender & { readonly pid: number }> {
  const server = await startCistern({
    config: { ...config, upstreams: { 'docker.io': { url: upstream.url } } },
    product: checkout,
    ...(isReporting && { env: reportingAllocations }),
  });
  const { url, pid } = server;
  const close = () => server.stop();
  return { url, pid, pids: [pid], ...(isReporting && { allocatedBytes: () => allocatedBytesOf(pid) }), close };
}
