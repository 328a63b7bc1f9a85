// Pushes images with handwritten manifests of an attacker. They name content of other repositories that the attacker's
// own does not have.
import { ociTypes } from '@cistern/fake-upstream';
import type { Random } from '../../world/random.ts';
import { copyContents, setTag, type SimulatedRepository } from './image-catalog.ts';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const rightSizes = 0.7;

export function pushHandMade(
  repository: SimulatedRepository,
  victims: readonly SimulatedRepository[],
  tag: string,
  random: Random,
): void {
  const { upstream, name } = repository;
  const seed = `hand-made ${tag} ${repository.tags.get(tag)?.length ?? 0}`;
  const named = (mediaType: string, kind: 'blobs' | 'manifests'): Descriptor => {
    const [digest, { length }] = random.pick([...random.pick(victims)[kind]]);
    return { mediaType, digest, size: random.chance(rightSizes) ? length : 1 + random(length) };
  };
  const own = upstream.addImage(name, { seed, layers: [Buffer.from(seed)] });
  const image = upstream.addManifest(
    name,
    {
      schemaVersion: 2,
      mediaType: ociTypes.manifest,
      config: random.chance(0.3) ? named(ociTypes.config, 'blobs') : own.config,
      layers: [
        ...own.layers,
        named(ociTypes.layer, 'blobs'),
        named(ociTypes.layer, random.pick(['blobs', 'blobs', 'manifests'])),
      ],
    },
    { mediaType: ociTypes.manifest },
  );
  const children = [image, named(ociTypes.manifest, random.pick(['manifests', 'manifests', 'blobs'])), own];
  const manifests = children.map(({ mediaType, digest, size }, i) => ({
    mediaType,
    digest,
    size,
    platform: { os: 'linux', architecture: ['amd64', 'arm64', 's390x'][i] },
  }));
  const index = () =>
    upstream.addManifest(
      name,
      { schemaVersion: 2, mediaType: ociTypes.index, manifests },
      { mediaType: ociTypes.index },
    );
  const { digest } = random.chance(0.4) ? index() : image;
  copyContents(repository);
  setTag(repository, tag, digest);
}
