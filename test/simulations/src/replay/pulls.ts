// The pulls of a fleet that is busy by day and on weekdays. Few tags are pulled often and many rarely (Zipf). Tags
// become popular and are forgotten.
import type { Random } from '@cistern/single-node/random';
import { createZipf, fraction, indexAbove, shuffled } from '../chance.ts';
import type { CatalogueTag } from './catalogue.ts';

export interface Pull {
  readonly atMs: number;
  readonly tag: CatalogueTag;
  /** The popularity of the tag at this time, as a rank. 0 is the most popular. */
  readonly rank: number;
  /** A platform for which the tag has an image. */
  readonly platform: string;
}

export interface PullsOptions {
  readonly tags: readonly CatalogueTag[];
  readonly pulls: number;
  readonly days: number;
  readonly random: Random;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The share of arm64 pulls of an image that is built for arm64. */
const armShare = 0.2;
/** The share of tags that change ranks with others each day. */
const driftShare = 0.02;
const weekendLoad = 0.3;

/** Returns the pulls in order of time. */
export function createPulls({ tags, pulls, days, random }: PullsOptions): readonly Pull[] {
  const loads = Array.from({ length: days * 24 }, (_, hour) => loadOf(hour));
  let sum = 0;
  const bounds = loads.map((load) => (sum += load));
  const times = Array.from({ length: pulls }, () => {
    const hour = Math.min(indexAbove(bounds, fraction(random) * sum), loads.length - 1);
    return (hour + fraction(random)) * hourMs;
  }).sort((one, other) => one - other);

  const ranked = [...shuffled(tags, random)];
  const chooseRank = createZipf([...ranked.keys()], random, 0.9);
  let day = 0;
  return times.map((atMs) => {
    for (; day < Math.floor(atMs / dayMs); day += 1) drift(ranked, random);
    const rank = chooseRank();
    const tag = ranked[rank]!;
    const isForArm = tag.versions[0]!.images.some(({ platform }) => platform === 'linux/arm64');
    const platform = isForArm && fraction(random) < armShare ? 'linux/arm64' : 'linux/amd64';
    return { atMs, tag, rank, platform };
  });
}

/** The load ranges from a quarter at night to 1 in the afternoon. The first two days of each week are the weekend. */
function loadOf(hour: number): number {
  const daily = 0.625 - 0.375 * Math.cos(((hour - 3) / 24) * 2 * Math.PI);
  return daily * (Math.floor(hour / 24) % 7 < 2 ? weekendLoad : 1);
}

function drift(ranked: CatalogueTag[], random: Random): void {
  for (let change = 0; change < ranked.length * driftShare; change += 1) {
    const one = random.between(0, ranked.length - 1);
    const other = random.between(0, ranked.length - 1);
    [ranked[one], ranked[other]] = [ranked[other]!, ranked[one]!];
  }
}
