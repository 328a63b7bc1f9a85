import type { FreshnessPolicy } from '../freshness/freshness.ts';

/** Creates the default policy of tags in tests. It serves no stale tag while the upstream is available. */
export function createTestPolicy(): { -readonly [K in keyof FreshnessPolicy]: FreshnessPolicy[K] } {
  return { ttlMs: 60_000, staleWhileRevalidateMs: 0, staleIfErrorMs: Infinity, onNotFound: 'keep' };
}
