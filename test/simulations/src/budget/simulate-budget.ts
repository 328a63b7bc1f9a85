// Simulates a day of a CI fleet behind one cache, with Docker Hub's limit on anonymous pulls and a clock of its own.
// Everything except Docker Hub and time is real.
import { createRandom } from '@cistern/single-node/random';
import { isCacheError } from '@cistern/errors';
import { createZipf, fraction, happens, shuffled } from '../chance.ts';
import { createImages, type Image } from './ci-traffic.ts';
import { openDockerHub } from './docker-hub.ts';
import { openCache } from './open-cache.ts';

export interface BudgetSimulation {
  readonly seed: number;
  readonly hours: number;
  readonly images: number;
  readonly pullsPerMinute: number;
  readonly pullsPerWindow: number;
  readonly ttlMs: number;
}

/**
 * Results for clients. Fresh: confirmed within the time to live or just now. Stale: served unconfirmed. Refused: no
 * budget left.
 */
interface Served {
  fresh: number;
  stale: number;
  refusedCold: number;
  /** Refusals of content that had been served before. They must never happen. */
  refusedCached: number;
  failed: number;
}

export interface BudgetSample extends Served {
  readonly hour: number;
  readonly remaining: number;
}

export interface BudgetResult {
  readonly total: Served;
  readonly pulls: number;
  readonly manifestGets: number;
  readonly manifestHeads: number;
  readonly upstreamRefusals: number;
  readonly digestsSeen: number;
  /** One sample for each quarter of an hour. */
  readonly samples: readonly BudgetSample[];
}

const secondMs = 1_000;
const hourMs = 3_600_000;
const windowMs = 6 * hourMs;
const sampleMs = hourMs / 4;

export async function simulateBudget(options: BudgetSimulation): Promise<BudgetResult> {
  const { seed, hours, pullsPerMinute, pullsPerWindow, ttlMs } = options;
  const random = createRandom(seed);
  const startMs = Date.UTC(2026, 0, 1);
  const clock = { nowMs: startMs };
  const now = (): number => clock.nowMs;
  const hub = await openDockerHub({ pullsPerWindow, windowMs, now });
  const { cache, close } = await openCache({ hubUrl: hub.url, ttlMs, now });
  const images = createImages(options.images);
  const next = createZipf(shuffled(images, random), random);
  const cached = new Set<Image>();
  const samples: BudgetSample[] = [];
  const total = none();
  let period = none();
  let builds = 0;

  const build = (image: Image): void => hub.setTag(image.repository, image.tag, `build ${(builds += 1)}`);

  /** Pulls as containerd does: a HEAD of the tag, then the manifest by digest. */
  async function pull(image: Image): Promise<keyof Served> {
    const { repository, reference } = image;
    const key = { upstream: 'docker.io', repository };
    const isCached = cached.has(image);
    try {
      const { digest, cache: how } = await cache.statManifest({ ...key, reference });
      await cache.openManifest({ ...key, reference: { kind: 'digest', digest } });
      cached.add(image);
      return how === 'STALE' ? 'stale' : 'fresh';
    } catch (error) {
      if (!isCacheError(error, 'upstream-rate-limited')) return 'failed';
      return isCached ? 'refusedCached' : 'refusedCold';
    }
  }

  try {
    images.forEach(build);
    for (; clock.nowMs < startMs + hours * hourMs; clock.nowMs += secondMs) {
      for (const image of images) if (happens(secondMs, image.staysMs, random)) build(image);
      const count = arrivals(pullsPerMinute / 60, () => fraction(random));
      for (const end of await Promise.all(Array.from({ length: count }, () => pull(next())))) {
        total[end] += 1;
        period[end] += 1;
      }
      const elapsedMs = clock.nowMs + secondMs - startMs;
      if (elapsedMs % sampleMs !== 0) continue;
      samples.push({ ...period, hour: elapsedMs / hourMs, remaining: hub.remaining() });
      period = none();
    }
  } finally {
    await close();
    await hub.close();
  }
  const { gets, heads, refusals } = hub.counts;
  return {
    total,
    pulls: Object.values(total).reduce((sum, some) => sum + some, 0),
    manifestGets: gets,
    manifestHeads: heads,
    upstreamRefusals: refusals,
    digestsSeen: hub.digestsSeen.size,
    samples,
  };
}

function none(): Served {
  return { fresh: 0, stale: 0, refusedCold: 0, refusedCached: 0, failed: 0 };
}

/** Draws the number of arrivals in one step, for a mean of `mean` (Poisson, by Knuth's method for small means). */
function arrivals(mean: number, draw: () => number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = draw(); product > limit; product *= draw()) count += 1;
  return count;
}
