// What is fetched before anybody asks for it.
import { Counter, type Registry } from 'prom-client';

/** `spared`: not asked, so that the last pulls are left to clients. */
const tagResults = ['unchanged', 'moved', 'spared', 'failed'] as const;
const imageResults = ['done', 'failed'] as const;

export interface PrewarmMetrics {
  readonly prewarmedTags: Counter<'upstream' | 'result'>;
  readonly prewarmedImages: Counter<'upstream' | 'result'>;
  readonly prewarmedBytes: Counter<'upstream'>;
}

export function createPrewarmMetrics(registry: Registry, upstreams: readonly string[]): PrewarmMetrics {
  const registers = [registry];
  const metrics: PrewarmMetrics = {
    prewarmedTags: new Counter({
      name: 'cistern_prewarm_tags_total',
      help: 'Tags that were asked for before anybody found them stale, by what came of it.',
      labelNames: ['upstream', 'result'],
      registers,
    }),
    prewarmedImages: new Counter({
      name: 'cistern_prewarm_images_total',
      help: 'Images whose layers were looked for, and fetched where they were missing, before anybody asked for them.',
      labelNames: ['upstream', 'result'],
      registers,
    }),
    prewarmedBytes: new Counter({
      name: 'cistern_prewarm_bytes_total',
      help: 'Bytes of layers and configurations that were fetched before anybody asked for them.',
      labelNames: ['upstream'],
      registers,
    }),
  };
  for (const upstream of upstreams) {
    for (const result of tagResults) metrics.prewarmedTags.inc({ upstream, result }, 0);
    for (const result of imageResults) metrics.prewarmedImages.inc({ upstream, result }, 0);
    metrics.prewarmedBytes.inc({ upstream }, 0);
  }
  return metrics;
}
