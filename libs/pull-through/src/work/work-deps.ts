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
  /**
   * The upstream from which a registry:2 cache fetched its files in this store. `undefined` means that such files are not
   * adopted.
   */
  readonly adoptAs: () => string | undefined;
  readonly spools: SpoolDirectory;
  /** The address at which followers read the fills of this worker. Empty in a single process. */
  readonly address: string;
  /** A blob with more bytes than this is not fetched whole to serve a small range. */
  readonly maxWholeForRangeBytes: number;
  /** The least bytes of a segment. Default: the size that all caches use. Tests set less. */
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
