// Chooses the platforms for which an image is prewarmed. They are the requested platforms, or the platforms pulled from
// its repository. If there are none, they are the platforms pulled from any repository, or the platform of this
// machine.
import { type CacheIndex, type PopularPlatform, type RepositoryKey, isSameRepository } from '@cistern/index';
import { parsePlatformName } from '@cistern/oci';

export type ChoosePlatforms = (key: RepositoryKey, wanted?: readonly string[]) => Promise<ReadonlySet<string>>;

/** Platforms with fewer pulls than this share of the most pulled platform's pulls are not prewarmed. */
const minShare = 0.05;
const rereadMs = 60_000;
const maxRead = 10_000;

export function createPlatformChoice({
  index,
  now,
}: {
  readonly index: Pick<CacheIndex, 'popularity'>;
  readonly now: () => number;
}): ChoosePlatforms {
  let read: { readonly atMs: number; readonly platforms: readonly PopularPlatform[] } | undefined;

  async function readAll(): Promise<readonly PopularPlatform[]> {
    if (read === undefined || now() - read.atMs > rereadMs)
      read = { atMs: now(), platforms: await index.popularity.platforms(maxRead) };
    return read.platforms;
  }

  return async (key, wanted = []) => {
    if (wanted.length > 0) return new Set(wanted);
    const all = await readAll();
    const own = all.filter((platform) => isSameRepository(platform, key));
    const pulled = mostPulled(own.length > 0 ? own : all);
    return pulled.size > 0 ? pulled : new Set([platformOfThisMachine()]);
  };
}

function mostPulled(platforms: readonly PopularPlatform[]): ReadonlySet<string> {
  const sums = new Map<string, number>();
  for (const { platform, pulls } of platforms) sums.set(platform, (sums.get(platform) ?? 0) + pulls);
  const most = Math.max(...sums.values());
  return new Set([...sums].flatMap(([platform, pulls]) => (pulls >= most * minShare ? [platform] : [])));
}

function platformOfThisMachine(): string {
  return parsePlatformName(`linux/${process.arch === 'x64' ? 'amd64' : process.arch}`) ?? 'linux/amd64';
}
