// How the store is looked after, for whoever wants to know: what would be evicted, and what reading it through has found.
import type { Config } from '@cistern/config';
import {
  type EvictionPlan,
  planEviction,
  readScrubReport,
  type ScrubReport,
  evictionSettings,
} from '@cistern/maintenance';
import type { Logger } from '@cistern/telemetry';
import type { IndexAndStore } from '@cistern/content';

export interface Upkeep {
  /** `undefined`: the store has not been read through yet. Rejects with `store-unavailable`. */
  scrubReport(): Promise<ScrubReport | undefined>;
  /** As `planEviction`. */
  evictionPlan(options: Parameters<typeof planEviction>[1]): Promise<EvictionPlan>;
}

export function openUpkeep(config: Config, { index, store }: IndexAndStore, log: Logger): Upkeep {
  const settings = evictionSettings(config, { store, log });
  return {
    scrubReport: () => readScrubReport(store),
    evictionPlan: (options) => planEviction({ index, store, ...settings, now: Date.now }, options),
  };
}
