// Which policy a tag has: the first rule of its upstream whose patterns match.
import { posix } from 'node:path';
import type { FreshnessPolicy } from './freshness.ts';

export interface FreshnessRule extends FreshnessPolicy {
  /** Globs as a shell has them. A tag holds no slash, so `*` is any of it. */
  readonly tags: readonly string[];
}

export type PolicyOf = (upstream: string, tag: string) => FreshnessPolicy;

const alwaysAsk: FreshnessPolicy = {
  ttlMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: Infinity,
  onNotFound: 'keep',
};

export function createFreshnessPolicies(
  upstreams: readonly {
    readonly name: string;
    readonly freshness: readonly FreshnessRule[];
    /** What it no longer gives to us is forgotten, whatever the rules say. */
    readonly forgetsDenied?: boolean | undefined;
  }[],
): PolicyOf {
  const rules = new Map(
    upstreams.map(({ name, freshness, forgetsDenied = false }) => [
      name,
      forgetsDenied ? freshness.map((rule) => ({ ...rule, onDenied: 'forget' as const })) : freshness,
    ]),
  );
  return (upstream, tag) =>
    rules.get(upstream)?.find(({ tags }) => tags.some((pattern) => posix.matchesGlob(tag, pattern))) ?? alwaysAsk;
}
