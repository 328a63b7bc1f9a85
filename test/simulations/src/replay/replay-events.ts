// Replays the events against a cache with one policy.
import type { CacheEvents } from './cache-events.ts';
import type { EvictionPolicy } from './policies/eviction-policy.ts';

export interface Share {
  readonly of: number;
  readonly got: number;
}

export interface Replayed {
  /** Requests of clients for single objects, and how many of them were hits. */
  readonly requests: Share;
  readonly bytes: Share;
  /** Whole pulls, and how many of them had only hits. */
  readonly pulls: Share;
  /**
   * First pulls after a tag moved, which would all be misses without prewarming: those of popular tags, and all of
   * them.
   */
  readonly movedPopular: Share;
  readonly moved: Share;
  /** Bytes fetched for clients and by prewarming. */
  readonly upstreamBytes: number;
  readonly prewarmedBytes: number;
}

export interface ReplayOptions {
  readonly sizes: readonly number[];
  readonly policy: EvictionPolicy;
  /** Tags with a rank below this are popular. */
  readonly popularTags: number;
}

export function replayEvents(events: CacheEvents, { sizes, policy, popularTags }: ReplayOptions): Replayed {
  const { objects, byClient } = events;
  const requests = createShare();
  const bytes = createShare();
  const pulls = createShare();
  const movedPopular = createShare();
  const moved = createShare();
  let prewarmedBytes = 0;

  function prewarm(at: number): void {
    const object = objects[at]!;
    if (policy.has(object)) return;
    prewarmedBytes += sizes[object]!;
    policy.add(object, at);
  }

  function request(at: number): boolean {
    const object = objects[at]!;
    const isHit = policy.pull(object, at);
    requests.count(1, isHit);
    bytes.count(sizes[object]!, isHit);
    if (!isHit) policy.add(object, at);
    return isHit;
  }

  let at = 0;
  for (const { first, end, isFirstOfMoved, rank } of events.pulls) {
    for (; at < first; at += 1) prewarm(at);
    let isWarm = true;
    for (; at < end; at += 1) if (!request(at)) isWarm = false;
    pulls.count(1, isWarm);
    if (!isFirstOfMoved) continue;
    moved.count(1, isWarm);
    if (rank < popularTags) movedPopular.count(1, isWarm);
  }
  for (; at < objects.length && !byClient[at]; at += 1) prewarm(at);
  return {
    requests: requests.share,
    bytes: bytes.share,
    pulls: pulls.share,
    movedPopular: movedPopular.share,
    moved: moved.share,
    prewarmedBytes,
    upstreamBytes: bytes.share.of - bytes.share.got + prewarmedBytes,
  };
}

function createShare() {
  const share = { of: 0, got: 0 };
  return {
    share,
    count(amount: number, isGot: boolean) {
      share.of += amount;
      if (isGot) share.got += amount;
    },
  };
}
