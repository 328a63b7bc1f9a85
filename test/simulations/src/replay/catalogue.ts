// The images of the replay: repositories with tags that move, on base images that also move, with shared layers. Sizes
// and numbers of layers resemble those of Docker Hub's images (Zhao et al., "Large-scale analysis of the Docker Hub
// dataset", CLUSTER 2019). Half of all layers are below 4 MB, and nine of ten below 63 MB.
import type { Random } from '@cistern/single-node/random';
import { parseRepositoryName, parseTag, type RepositoryName, type Tag } from '@cistern/oci';
import { createZipf, fraction, happens, indexAbove, logNormal } from '../chance.ts';

/** A manifest, config or layer, as its index in `sizes`. */
export type ObjectId = number;

interface PlatformImage {
  readonly platform: string;
  readonly manifest: ObjectId;
  /** The config comes first. */
  readonly blobs: readonly ObjectId[];
}

/** The image that a tag names from a time on. */
export interface TagVersion {
  readonly fromMs: number;
  readonly index: ObjectId;
  readonly images: readonly PlatformImage[];
}

export interface CatalogueTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  /** In ascending order. The first version starts at 0. */
  readonly versions: readonly TagVersion[];
}

export interface Catalogue {
  /** Sizes in bytes, by object. */
  readonly sizes: readonly number[];
  readonly tags: readonly CatalogueTag[];
}

export interface CatalogueOptions {
  readonly tags: number;
  readonly days: number;
  readonly random: Random;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const mebibyte = 1024 * 1024;
const layerBytes = { median: 4 * mebibyte, deviation: 2.15, most: 4096 * mebibyte };

/** The tags of each repository: two of the five move daily, two weekly, and one stays. */
const kinds = [
  { tag: 'latest', staysMs: dayMs },
  { tag: 'nightly', staysMs: dayMs },
  { tag: '1.2', staysMs: 7 * dayMs },
  { tag: '1.2.3', staysMs: Infinity },
  { tag: '1', staysMs: 7 * dayMs },
] as const;
const basesCount = 60;
const baseStaysMs = 10 * dayMs;
/** The platforms of repositories, with the share of repositories that are built for each. */
const platforms = [
  { platform: 'linux/amd64', share: 1 },
  { platform: 'linux/arm64', share: 0.6 },
  { platform: 'linux/arm/v7', share: 0.2 },
];

/** The layers of one image or base for each of its platforms, from the lowest to the highest. */
type Stacks = ReadonlyMap<string, readonly ObjectId[]>;

interface Base {
  readonly fromMs: readonly number[];
  readonly stacks: readonly Stacks[];
}

export function createCatalogue({ tags: count, days, random }: CatalogueOptions): Catalogue {
  const sizes: number[] = [];
  const endMs = days * dayMs;

  const add = (bytes: number): ObjectId => sizes.push(Math.round(bytes)) - 1;
  const addLayer = (): ObjectId =>
    add(Math.min(layerBytes.most, 200 + logNormal(layerBytes.median, layerBytes.deviation, random)));
  const addLayers = (layers: number): ObjectId[] => Array.from({ length: layers }, addLayer);

  function createBase(): Base {
    const fromMs = changes(baseStaysMs, endMs, random);
    const layers = random.between(1, 4);
    const stacks = fromMs.map(() => new Map(platforms.map(({ platform }) => [platform, addLayers(layers)])));
    return { fromMs, stacks };
  }

  function createVersion(fromMs: number, base: Base, own: Stacks): TagVersion {
    const below = base.stacks[indexAbove(base.fromMs, fromMs) - 1]!;
    const images = [...own].map(([platform, layers]): PlatformImage => {
      const config = add(random.between(2_000, 12_000));
      const blobs = [config, ...below.get(platform)!, ...layers];
      return { platform, manifest: add(400 + 160 * blobs.length), blobs };
    });
    return { fromMs, index: add(300 + 350 * images.length), images };
  }

  /**
   * Mostly the upper layers are rebuilt, because they change most. A rebuilt layer also replaces all layers above it.
   */
  function rebuilt(own: Stacks): Stacks {
    const depth = [...own.values()][0]!.length;
    let kept = depth - 1;
    while (kept > 0 && fraction(random) < 0.4) kept -= 1;
    return new Map([...own].map(([name, layers]) => [name, [...layers.slice(0, kept), ...addLayers(depth - kept)]]));
  }

  const bases = Array.from({ length: basesCount }, createBase);
  const chooseBase = createZipf(bases, random);

  function createRepository(at: number): CatalogueTag[] {
    const repository = parseRepositoryName(`library/image-${at}`);
    const base = chooseBase();
    const built = platforms.filter(({ share }) => fraction(random) < share).map(({ platform }) => platform);
    const depth = random.between(1, 8);
    const first: Stacks = new Map(built.map((platform) => [platform, addLayers(depth)]));
    return kinds.map(({ tag, staysMs }) => {
      let own = rebuilt(first);
      const versions = changes(staysMs, endMs, random).map((fromMs) => {
        if (fromMs > 0) own = rebuilt(own);
        return createVersion(fromMs, base, own);
      });
      return { repository, tag: parseTag(tag), versions };
    });
  }

  const repositories = Array.from({ length: Math.ceil(count / kinds.length) }, (_, at) => createRepository(at));
  return { sizes, tags: repositories.flat().slice(0, count) };
}

/**
 * Returns the start times of all versions, beginning with 0. A version lasts about `staysMs`, and a build may run at
 * any hour.
 */
function changes(staysMs: number, endMs: number, random: Random): number[] {
  const fromMs = [0];
  for (let atMs = 0; atMs < endMs; atMs += dayMs)
    if (happens(dayMs, staysMs, random) || staysMs <= dayMs) fromMs.push(atMs + 1 + fraction(random) * (dayMs - 1));
  return fromMs;
}
