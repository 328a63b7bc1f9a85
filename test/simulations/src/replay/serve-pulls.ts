// Passes the pulls through the cache's tag records, popularity and prewarming. Eviction is not part of it.
import { createTestIndex } from '@cistern/index/testing';
import type { CacheEvents, ServedPull } from './cache-events.ts';
import type { Catalogue, ObjectId } from './catalogue.ts';
import { createPrewarmer, type PrewarmSettings } from './prewarmer.ts';
import type { Pull } from './pulls.ts';
import { createTagRecords, upstream } from './tag-records.ts';

export interface ServeOptions {
  readonly catalogue: Catalogue;
  readonly pulls: readonly Pull[];
  /** Unset means that nothing is prewarmed. */
  readonly prewarm?: PrewarmSettings | undefined;
}

export async function servePulls({ catalogue, pulls, prewarm }: ServeOptions): Promise<CacheEvents> {
  const { sizes, tags } = catalogue;
  const clock = { nowMs: 0 };
  const { popularity } = createTestIndex({ now: () => clock.nowMs });
  const records = createTagRecords();
  const byName = new Map(tags.map((tag) => [`${tag.repository}:${tag.tag}`, tag]));
  const objects: ObjectId[] = [];
  const byClient: boolean[] = [];
  const fetched = new Set<ObjectId>();
  const pulledByClients = new Set<ObjectId>();
  const firstPulls = createFirstPulls();

  const emit = (object: ObjectId, isClient: boolean): void => {
    objects.push(object);
    byClient.push(isClient);
    fetched.add(object);
  };
  const prewarmer =
    prewarm &&
    createPrewarmer({
      ...prewarm,
      popularity,
      records,
      sizes,
      tagOf: (repository, tag) => byName.get(`${repository}:${tag}`)!,
      isKnown: (object) => fetched.has(object),
      onFetched: (object) => emit(object, false),
      setClock: (nowMs) => void (clock.nowMs = nowMs),
    });

  async function serve({ atMs, tag, platform, rank }: Pull): Promise<ServedPull> {
    await prewarmer?.runUntil(atMs);
    clock.nowMs = atMs;
    const key = { upstream, repository: tag.repository };
    popularity.countTag({ ...key, tag: tag.tag });
    popularity.countPlatform(key, platform);
    const { version, moved } = records.resolve(tag, atMs);
    if (moved) await prewarmer?.fetch(tag, atMs);
    const { manifest, blobs } = version.images.find((image) => image.platform === platform)!;
    const wanted = [version.index, manifest, ...blobs];
    const isFirstOfMoved = firstPulls.isOfMoved(tag, platform, version.fromMs);
    const wasPulled = wanted.every((object) => pulledByClients.has(object));
    const first = objects.length;
    for (const object of wanted) {
      emit(object, true);
      pulledByClients.add(object);
    }
    return { first, end: objects.length, rank, isFirstOfMoved: isFirstOfMoved && !wasPulled };
  }

  const served: ServedPull[] = [];
  for (const pull of pulls) served.push(await serve(pull));
  return { objects, byClient, pulls: served, heads: records.heads() };
}

/** Finds the first pull of each tag version on a platform, if another version was pulled before. */
function createFirstPulls() {
  const served = new Map<unknown, Map<string, number>>();
  return {
    isOfMoved(tag: unknown, platform: string, fromMs: number): boolean {
      const platforms = served.get(tag) ?? new Map<string, number>();
      served.set(tag, platforms);
      const before = platforms.get(platform);
      platforms.set(platform, fromMs);
      return before !== undefined && before !== fromMs;
    },
  };
}
