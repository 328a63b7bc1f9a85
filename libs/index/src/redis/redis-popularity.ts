// Popularity in Redis, which all nodes share: a sorted set of tags and one of platforms.
import {
  halfLifeMs,
  maxNames,
  type PopularityIndex,
  popularPlatformName,
  type Ranking,
  toPopularPlatform,
  toPopularTag,
} from '../popularity.ts';
import { tagPath } from '../records.ts';
import { pairs } from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

interface Count {
  readonly ranking: Ranking;
  readonly name: string;
  readonly pulls: number;
}

export function createRedisPopularity({ calls, keys, writeBehind }: RedisParts): PopularityIndex {
  const pending = writeBehind.table<Count>({
    merge: (one, { pulls }) => ({ ...one, pulls: one.pulls + pulls }),
    groupOf: ({ ranking }) => ranking,
    write: async (counts) =>
      calls.run(
        'count-pulls',
        [keys.popular(counts[0]!.ranking)],
        [halfLifeMs, maxNames, ...counts.flatMap(({ name, pulls }) => [name, pulls])],
      ),
    mayRepeat: false,
  });

  function count(ranking: Ranking, name: string, pulls: number): void {
    // Does not count while Redis is unavailable, because the pending counts could grow without limit.
    if (calls.isConnected()) pending.add(`${ranking} ${name}`, { ranking, name, pulls });
  }

  async function most<T>(ranking: Ranking, limit: number, toEntry: (name: string, score: number, nowMs: number) => T) {
    const answer = await calls.run('most-popular', [keys.popular(ranking)], [limit]);
    const [nowMs, ...scores] = answer as [string, ...string[]];
    return pairs(scores).map(([name, score]) => toEntry(name, Number(score), Number(nowMs)));
  }

  return {
    countTag: (key, pulls = 1) => count('tags', tagPath(key), pulls),
    countPlatform: (key, platform, pulls = 1) => count('platforms', popularPlatformName(key, platform), pulls),
    tags: async (limit) => most('tags', limit, toPopularTag),
    platforms: async (limit) => most('platforms', limit, toPopularPlatform),
  };
}
