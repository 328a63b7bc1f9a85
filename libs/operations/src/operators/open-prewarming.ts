// Prewarming by name, for whoever may wish it.
import type { CacheIndex } from '@cistern/index';
import type { Config } from '@cistern/config';
import type { JobQueue } from '@cistern/jobs';
import { type PrewarmedImage, prewarmImage, type PrewarmImageOptions } from '@cistern/prewarm';
import { createUpstreamTable, resolveImage } from '@cistern/upstream';

/**
 * `image` as people write it. Rejects with `name-unknown` or `name-invalid`, or an OciSyntaxError, for what names no image of
 * these upstreams, and as the queue does.
 */
export type Prewarm = (
  image: string,
  options: PrewarmImageOptions & { readonly platforms: readonly string[] },
) => Promise<PrewarmedImage>;

export function openPrewarming(
  { upstreams }: Pick<Config, 'upstreams'>,
  deps: { readonly index: CacheIndex; readonly queue: JobQueue },
): Prewarm {
  const table = createUpstreamTable(upstreams);
  return async (image, { platforms, ...options }) =>
    prewarmImage(deps, { ...resolveImage(table, image), platforms }, options);
}
