// Popularity of a single process, in memory. The caller can save every change with `onChange`.
import {
  maxNames,
  type PopularityIndex,
  popularPlatformName,
  type Ranking,
  scoreOf,
  sumOfScores,
  toPopularPlatform,
  toPopularTag,
} from '../popularity.ts';
import { tagPath } from '../records.ts';

export interface PopularityOptions {
  readonly now: () => number;
  readonly isAvailable: () => boolean;
  /** Throws if `isAvailable` is false. */
  readonly checkAvailable: () => void;
  readonly saved?: Iterable<readonly [Ranking, name: string, score: number]>;
  /**
   * Called after each change of a score. `undefined` means that the name was removed, because a new name took its
   * place.
   */
  readonly onChange?: (ranking: Ranking, name: string, score: number | undefined) => void;
}

export function createPopularity(options: PopularityOptions): PopularityIndex {
  const { now, isAvailable, checkAvailable, saved = [], onChange = () => {} } = options;
  const rankings: Record<Ranking, Map<string, number>> = { tags: new Map(), platforms: new Map() };
  for (const [ranking, name, score] of saved) rankings[ranking].set(name, score);

  function count(ranking: Ranking, name: string, pulls: number): void {
    if (!isAvailable()) return;
    const scores = rankings[ranking];
    const before = scores.get(name) ?? (scores.size < maxNames ? undefined : removeLeastPopular(ranking));
    const gained = scoreOf(pulls, now());
    const score = before === undefined ? gained : sumOfScores(before, gained);
    scores.set(name, score);
    onChange(ranking, name, score);
  }

  /**
   * Removes the least popular name and returns its score. The new name gets this score in addition to its own.
   * Otherwise the next new name would replace it immediately, and no new name could ever become popular.
   */
  function removeLeastPopular(ranking: Ranking): number {
    const scores = rankings[ranking];
    const [name, score] = scores.entries().reduce((least, entry) => (entry[1] < least[1] ? entry : least));
    scores.delete(name);
    onChange(ranking, name, undefined);
    return score;
  }

  function most(ranking: Ranking, limit: number): (readonly [name: string, score: number])[] {
    checkAvailable();
    return [...rankings[ranking]].sort(([, one], [, other]) => other - one).slice(0, limit);
  }

  return {
    countTag: (key, pulls = 1) => count('tags', tagPath(key), pulls),
    countPlatform: (key, platform, pulls = 1) => count('platforms', popularPlatformName(key, platform), pulls),
    tags: async (limit) => most('tags', limit).map(([name, score]) => toPopularTag(name, score, now())),
    platforms: async (limit) => most('platforms', limit).map(([name, score]) => toPopularPlatform(name, score, now())),
  };
}
