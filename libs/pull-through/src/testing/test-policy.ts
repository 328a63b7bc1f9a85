import type { FreshnessPolicy } from '../freshness/freshness.ts';

/** Of every tag in tests, unless they change it: nothing is served stale while upstream answers. */
export function createTestPolicy(): { -readonly [K in keyof FreshnessPolicy]: FreshnessPolicy[K] } {
  return { ttlMs: 60_000, staleWhileRevalidateMs: 0, staleIfErrorMs: Infinity, onNotFound: 'keep' };
}
