// Popularity: which tags and platforms were pulled recently. The weight of a pull halves each day, and the number of
// counted names is limited (decision 0022). Only pulls of clients count. If an index loses the ranking, it grows again
// with new pulls.
import type { Tag } from '@cistern/oci';
import type { RepositoryKey } from './links.ts';
import { repositoryKeyOf, repositoryPath } from './records.ts';
import type { TagKey } from './tags.ts';

export interface PopularTag extends TagKey {
  /** Sum of the weights of its pulls. A pull has weight 1 at first, and half as much after each day. */
  readonly pulls: number;
}

export interface PopularPlatform extends RepositoryKey {
  /** `os/architecture` or `os/architecture/variant`. */
  readonly platform: string;
  /** Weighted like the pulls of `PopularTag`. */
  readonly pulls: number;
}

export interface PopularityIndex {
  /**
   * Counts pulls of a tag, or with `countPlatform` of a platform of a repository. `pulls` is 1 by default. Costs one
   * map lookup and never throws. The index writes all counted pulls together each second. Pulls that it cannot write
   * are lost.
   */
  countTag(key: TagKey, pulls?: number): void;
  countPlatform(key: RepositoryKey, platform: string, pulls?: number): void;
  /** Returns the most pulled tags first. Pulls of the last second may be missing. */
  tags(limit: number): Promise<PopularTag[]>;
  platforms(limit: number): Promise<PopularPlatform[]>;
}

export type Ranking = 'tags' | 'platforms';

/** The age at which a pull has half its weight. */
export const halfLifeMs = 24 * 3_600_000;
/** Limit on the names of one ranking. */
export const maxNames = 10_000;

/**
 * Returns the name of a platform of a repository in the ranking of platforms. A platform contains no space. In the
 * ranking of tags, the name is the `tagPath`.
 */
export function popularPlatformName(key: RepositoryKey, platform: string): string {
  return `${repositoryPath(key)} ${platform}`;
}

export function toPopularTag(name: string, score: number, nowMs: number): PopularTag {
  const at = name.lastIndexOf(':');
  return { ...repositoryKeyOf(name.slice(0, at)), tag: name.slice(at + 1) as Tag, pulls: pullsOf(score, nowMs) };
}

export function toPopularPlatform(name: string, score: number, nowMs: number): PopularPlatform {
  const at = name.lastIndexOf(' ');
  return { ...repositoryKeyOf(name.slice(0, at)), platform: name.slice(at + 1), pulls: pullsOf(score, nowMs) };
}

/**
 * Returns the score of pulls at one time. A score is the binary logarithm of the weighted pulls, where each pull has
 * the weight 2^(time / half-life). Newer pulls have more weight, which has the same effect as a decay of older pulls.
 * So stored scores need no updates.
 */
export function scoreOf(pulls: number, atMs: number): number {
  return atMs / halfLifeMs + Math.log2(pulls);
}

export function sumOfScores(one: number, other: number): number {
  return Math.max(one, other) + Math.log2(1 + 2 ** -Math.abs(one - other));
}

function pullsOf(score: number, nowMs: number): number {
  return 2 ** (score - nowMs / halfLifeMs);
}
