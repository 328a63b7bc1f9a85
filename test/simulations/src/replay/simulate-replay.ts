// Simulates two weeks of pulls against one cache, with and without prewarming. It covers several cache sizes and
// eviction policies, and compares each with the upper bound.
import { createRandom } from '@cistern/single-node/random';
import type { CacheEvents } from './cache-events.ts';
import { createCatalogue } from './catalogue.ts';
import { createPfooBound } from './pfoo-bound.ts';
import { createBelady } from './policies/belady.ts';
import type { EvictionPolicy, PolicyOptions } from './policies/eviction-policy.ts';
import { createGdsf } from './policies/gdsf.ts';
import { createLru } from './policies/lru.ts';
import { createS3Fifo } from './policies/s3-fifo.ts';
import type { PrewarmSettings } from './prewarmer.ts';
import { createSplitLru } from './policies/split-lru.ts';
import { createPulls } from './pulls.ts';
import { type Replayed, replayEvents } from './replay-events.ts';
import { servePulls } from './serve-pulls.ts';

export interface ReplaySimulation {
  readonly seed: number;
  readonly tags: number;
  readonly pulls: number;
  readonly days: number;
  /** Cache sizes, as shares of all bytes that clients request. */
  readonly capacityShares: readonly number[];
  readonly prewarm: PrewarmSettings;
}

export const policyNames = ['LRU', 'LRU, small last', 'S3-FIFO', 'GDSF', 'LFU with ageing', 'Belady'] as const;
export type PolicyName = (typeof policyNames)[number];

export interface ReplayRow {
  readonly prewarmed: boolean;
  readonly capacityShare: number;
  readonly capacity: number;
  readonly policies: Readonly<Record<PolicyName, Replayed>>;
  /** Shares of clients' requests and bytes that no policy can exceed. */
  readonly bound: { readonly requests: number; readonly bytes: number };
}

export interface ReplayResult {
  /** Bytes of all distinct objects that clients requested. */
  readonly footprint: number;
  readonly objects: number;
  readonly requests: number;
  readonly heads: { readonly prewarmed: number; readonly plain: number };
  readonly rows: readonly ReplayRow[];
}

export async function simulateReplay(options: ReplaySimulation): Promise<ReplayResult> {
  const { seed, tags: count, days, capacityShares, prewarm } = options;
  const random = createRandom(seed);
  const catalogue = createCatalogue({ tags: count, days, random });
  const { sizes, tags } = catalogue;
  const pulls = createPulls({ tags, pulls: options.pulls, days, random });
  const plain = await servePulls({ catalogue, pulls });
  const prewarmed = await servePulls({ catalogue, pulls, prewarm });
  const distinct = new Set(plain.objects);
  const footprint = distinct.values().reduce((sum, object) => sum + sizes[object]!, 0);
  // The tags of the first tenth by rank are popular, independent of their use in the cache.
  const popularTags = count / 10;

  function createRows(events: CacheEvents): ReplayRow[] {
    const bound = createPfooBound(events, sizes);
    return capacityShares.map((capacityShare) => {
      const capacity = footprint * capacityShare;
      const replay = (name: PolicyName) => {
        const policy = createPolicy(name, { capacity, sizes }, events);
        return [name, replayEvents(events, { sizes, policy, popularTags })] as const;
      };
      const policies = Object.fromEntries(policyNames.map(replay)) as Record<PolicyName, Replayed>;
      const { requests, bytes } = policies.LRU;
      const { hits, hitBytes } = bound(capacity);
      return {
        prewarmed: events === prewarmed,
        capacityShare,
        capacity,
        policies,
        bound: { requests: hits / requests.of, bytes: hitBytes / bytes.of },
      };
    });
  }

  return {
    footprint,
    objects: distinct.size,
    requests: plain.objects.length,
    heads: { prewarmed: prewarmed.heads, plain: plain.heads },
    rows: [...createRows(plain), ...createRows(prewarmed)],
  };
}

function createPolicy(name: PolicyName, options: PolicyOptions, events: CacheEvents): EvictionPolicy {
  switch (name) {
    case 'LRU':
      return createLru(options);
    case 'LRU, small last':
      return createSplitLru(options);
    case 'S3-FIFO':
      return createS3Fifo(options);
    case 'GDSF':
      return createGdsf({ ...options, missCosts: 'one' });
    case 'LFU with ageing':
      return createGdsf({ ...options, missCosts: 'its bytes' });
    case 'Belady':
      return createBelady({ ...options, events });
    default:
      return name satisfies never;
  }
}
