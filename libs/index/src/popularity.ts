// Popularity: what is pulled, of late. A pull counts for less the older it is, by half each day, and only so many names are
// counted (decision 0022). It is learnt from clients and from nothing else: what an index forgets of it is learnt anew.
import type { Tag } from '@cistern/oci';
import type { RepositoryKey } from './links.ts';
import { repositoryKeyOf, repositoryPath } from './records.ts';
import type { TagKey } from './tags.ts';

export interface PopularTag extends TagKey {
  /** Of late: as many pulls now would count as much. */
  readonly pulls: number;
}

export interface PopularPlatform extends RepositoryKey {
  /** As `os/architecture` or `os/architecture/variant`. */
  readonly platform: string;
  /** As of a tag. */
  readonly pulls: number;
}

export interface PopularityIndex {
  /**
   * Counts pulls of a tag, or of an image for a platform; by default one. Costs a look into a map, and throws nothing: the pulls
   * of a second are written together, and those that the index cannot take are not counted.
   */
  countTag(key: TagKey, pulls?: number): void;
  countPlatform(key: RepositoryKey, platform: string, pulls?: number): void;
  /** Most pulled first; what was counted a second ago is in it. */
  tags(limit: number): Promise<PopularTag[]>;
  platforms(limit: number): Promise<PopularPlatform[]>;
}

export type Ranking = 'tags' | 'platforms';

/** A pull this old counts half. */
export const halfLifeMs = 24 * 3_600_000;
/** Names of one ranking. */
export const maxNames = 10_000;

/** A platform holds no space. A tag's name is its `tagPath`. */
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
 * A score is the binary logarithm of pulls that are each worth 2^(time / half-life): with time later ones become worth more,
 * which is as good as earlier ones becoming worth less, and no score has to be changed for it.
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
