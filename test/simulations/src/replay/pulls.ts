// Who pulls what and when: a fleet that is busy by day and on weekdays, few tags often and many seldom (Zipf), and tags
// that become popular and are forgotten.
import type { Random } from '@cistern/single-node/random';
import { createZipf, fraction, indexAbove, shuffled } from '../chance.ts';
import type { CatalogueTag } from './catalogue.ts';

export interface Pull {
  readonly atMs: number;
  readonly tag: CatalogueTag;
  /** How popular the tag is at this time; 0: the most. */
  readonly rank: number;
  /** One that the tag's images are for. */
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
/** Of the pulls of an image that is built for it. */
const armShare = 0.2;
/** Tags that change places with others each day. */
const driftShare = 0.02;
const weekendLoad = 0.3;

/** In the order of their times. */
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

/** From a quarter at night to the whole in the afternoon; the first two days of each week are its end. */
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
