// Which policy a tag has: the first rule of its upstream whose patterns match.
import { posix } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { FreshnessPolicy } from './freshness.ts';

export interface FreshnessRule extends FreshnessPolicy {
  /** Globs as a shell has them. A tag holds no slash, so `*` is any of it. */
  readonly tags: readonly string[];
}

export type PolicyOf = (upstream: string, tag: string) => FreshnessPolicy;

/** Tags have been matched already when they are popular; a match costs microseconds. */
const maxMatched = 2000;

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
  const find = (upstream: string, tag: string): FreshnessPolicy =>
    rules.get(upstream)?.find(({ tags }) => tags.some((pattern) => posix.matchesGlob(tag, pattern))) ?? alwaysAsk;
  const matched = new LRUCache<string, FreshnessPolicy>({ max: maxMatched });
  return (upstream, tag) => {
    // An upstream's name holds no slash.
    const key = `${upstream}/${tag}`;
    const known = matched.get(key);
    if (known !== undefined) return known;
    const policy = find(upstream, tag);
    matched.set(key, policy);
    return policy;
  };
}
