// The content of a run's upstreams: images that share layers, and tags that move. It remembers all earlier content.
import type { Body, FakeUpstream, SeededBytes } from '@cistern/fake-upstream';
import type { TagKey } from '@cistern/index';
import { type Digest, parseRepositoryName, parseTag, splitFirstComponent } from '@cistern/oci';
import type { Random } from '../../world/random.ts';
import { schedule } from '../../world/schedule.ts';

export interface TagMove {
  readonly digest: Digest;
  readonly atMs: number;
}

export interface SimulatedRepository {
  /** The name at its upstream. */
  readonly name: string;
  /** The name of its upstream in the configuration of the nodes. */
  readonly host: string;
  /** The name after the name of its upstream, such as `<upstream>/<name>`. */
  readonly fullName: string;
  readonly upstream: FakeUpstream;
  readonly isPrivate: boolean;
  readonly manifests: Map<string, Buffer>;
  readonly blobs: Map<string, Buffer>;
  /** The time at which each manifest and blob was added. */
  readonly addedAtMs: Map<string, number>;
  readonly tags: Map<string, TagMove[]>;
}

const sharedLayers = [1_000, 40_000, 90_000, 150_000, 200_000, 250_000, 600_000];
const architectures = ['amd64', 'arm64'] as const;
const indexShare = 0.4;

export function createRepository(upstream: FakeUpstream, fullName: string): SimulatedRepository {
  const { first: host, rest: name = '' } = splitFirstComponent(fullName);
  return {
    name,
    host,
    fullName,
    upstream,
    isPrivate: host === 'private.example',
    manifests: new Map(),
    blobs: new Map(),
    addedAtMs: new Map(),
    tags: new Map(),
  };
}

/** Pushes a new image and points the tag to it. */
export function pushImage(repository: SimulatedRepository, tag: string, random: Random): Digest {
  const { upstream, name } = repository;
  const serial = `${name}:${tag} ${repository.tags.get(tag)?.length ?? 0}`;
  const platforms = random.chance(indexShare) ? architectures : architectures.slice(0, 1);
  const images = platforms.map((architecture) =>
    upstream.addImage(name, {
      platform: { os: 'linux', architecture },
      layers: [...sharedBy(random), Buffer.from(`layer of ${serial} ${architecture}`)],
      seed: `${serial} ${architecture}`,
    }),
  );
  const { digest } = images.length === 1 ? images[0]! : upstream.addIndex(name, { images });
  copyContents(repository);
  setTag(repository, tag, digest);
  return digest;
}

function sharedBy(random: Random): readonly SeededBytes[] {
  const sizes = new Set([random.pick(sharedLayers), random.pick(sharedLayers)]);
  return [...sizes].map((size) => ({ size, seed: size }));
}

/** Points the tag to an image that this or another tag names or named. */
export function setTag({ upstream, name, tags }: SimulatedRepository, tag: string, digest: Digest): void {
  upstream.setTag(name, tag, digest);
  tags.set(tag, [...(tags.get(tag) ?? []), { digest, atMs: schedule.nowMs }]);
}

/** Moves the tag to a new image, or back to one that it or another tag named. */
export function moveTag(repository: SimulatedRepository, tag: string, random: Random): void {
  if (random.chance(0.7)) pushImage(repository, tag, random);
  else setTag(repository, tag, random.pick(repository.tags.get(random.pick([...repository.tags.keys()]))!).digest);
}

/** Returns the key of a tag's record. */
export function tagKeyOf({ host, name }: SimulatedRepository, tag: string): TagKey {
  return { upstream: host, repository: parseRepositoryName(name), tag: parseTag(tag) };
}

/** Returns the digest that a tag names now. */
export function currentOf({ tags }: SimulatedRepository, tag: string): Digest {
  return tags.get(tag)!.at(-1)!.digest;
}

/** Returns the digests that a tag named at any time from `fromMs` to `toMs`. */
export function namedBetween(moves: readonly TagMove[], fromMs: number, toMs: number): ReadonlySet<string> {
  const named = moves.filter(({ atMs }, i) => atMs <= toMs && (moves[i + 1]?.atMs ?? Infinity) >= fromMs);
  return new Set(named.map(({ digest }) => digest));
}

export function copyContents({ upstream, name, manifests, blobs, addedAtMs }: SimulatedRepository): void {
  const found = upstream.find(name)!;
  for (const [digest, { bytes }] of found.manifests) manifests.set(digest, bytes);
  for (const [digest, body] of found.blobs) if (!blobs.has(digest)) blobs.set(digest, bytesOf(digest, body));
  for (const digest of [...manifests.keys(), ...blobs.keys()])
    if (!addedAtMs.has(digest)) addedAtMs.set(digest, schedule.nowMs);
}

/** The layers that images of all runs share, by digest. */
const madeBefore = new Map<string, Buffer>();

function bytesOf(digest: string, body: Body): Buffer {
  const bytes = madeBefore.get(digest) ?? Buffer.concat([...body.read(0, body.size)]);
  if (body.identity !== undefined) madeBefore.set(digest, bytes);
  return bytes;
}
