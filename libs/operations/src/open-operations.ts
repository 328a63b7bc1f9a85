// The operations of the admin API: all that operators can read and do.
import type { NodeConfig } from '@cistern/config';
import type { IndexAndStore } from '@cistern/content';
import type { JobQueue, QueueState } from '@cistern/jobs';
import { type EvictionPlan, evictionSettings, planEviction, readScrubReport } from '@cistern/maintenance';
import { type PrewarmedImage, prewarmImage, type PrewarmImageOptions } from '@cistern/prewarm';
import type { Logger } from '@cistern/telemetry';
import { createUpstreamTable, resolveImage } from '@cistern/upstream';
import type { ScrubAnswer } from './api/upkeep.ts';
import { type Images, openImages } from './images/open-images.ts';
import { type Nodes, openNodes } from './nodes/open-nodes.ts';
import { type Decisions, openDecisions } from './operators/open-decisions.ts';

/**
 * Prewarms an image. `image` is a name as docker pull takes it. Rejects with `name-unknown`, `name-invalid` or an OciSyntaxError
 * if the name is not an image of a configured upstream. Also rejects as `prewarmImage` does.
 */
export type Prewarm = (
  image: string,
  options: PrewarmImageOptions & { readonly platforms: readonly string[] },
) => Promise<PrewarmedImage>;

/** The maintenance of the store: scrub and eviction. */
export interface Upkeep {
  /** Resolves to the last report, which is `null` before the first scrub. Rejects with `store-unavailable`. */
  scrubReport(): Promise<ScrubAnswer>;
  /** Resolves and rejects as `planEviction`. */
  evictionPlan(options: Parameters<typeof planEviction>[1]): Promise<EvictionPlan>;
}

export interface Operations {
  readonly nodes: Nodes;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
}

/** `inspect` resolves to the sizes and failures of the queues. */
export function openOperations(
  config: NodeConfig,
  { index, store }: IndexAndStore,
  { queue, inspect }: { readonly queue: JobQueue; readonly inspect: () => Promise<readonly QueueState[]> },
  log: Logger,
): Operations {
  const table = config.live.derive(({ upstreams }) => createUpstreamTable(upstreams));
  const settings = evictionSettings(config, { store, log });
  return {
    nodes: openNodes(config, { index }, { inspect }),
    prewarm: async (image, { platforms, ...options }) =>
      prewarmImage({ index, queue }, { ...resolveImage(table(), image), platforms }, options),
    upkeep: {
      scrubReport: async () => ({ report: (await readScrubReport(store)) ?? null }),
      evictionPlan: (options) => planEviction({ index, store, ...settings, now: index.now }, options),
    },
    decisions: openDecisions(config.live, { index, store }),
    images: openImages(config.live, { index, store, queue }),
  };
}
