// Defines the dependencies of job handlers. Handlers are the only code that talks to upstreams.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { Logger, Metrics } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import type { PolicyOf } from '../freshness/freshness.ts';
import type { SpoolDirectory } from '@cistern/fills';

export interface WorkDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly policyOf: PolicyOf;
  /** The upstream that a registry:2 cache's files in the store came from. */
  readonly adoptAs: string | undefined;
  readonly spools: SpoolDirectory;
  /** The address at which followers read this worker's fills; empty in a single process. */
  readonly address: string;
  /** A request for a small range does not fetch a whole blob larger than this. */
  readonly maxWholeForRangeBytes: number;
  /** Default: the segment size of all caches. Tests set less. */
  readonly leastSegmentBytes?: number | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
}

export function upstreamOf({ upstreams }: Pick<WorkDeps, 'upstreams'>, name: string): Upstream {
  const upstream = upstreams.get(name);
  if (upstream === undefined) throw new CacheError('name-unknown', `No upstream "${name}" is configured.`);
  return upstream;
}
