// Writes images as an OCI image layout directory, from which skopeo pushes them to a registry.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { digestHex, digestOf, type Descriptor } from '@cistern/oci';
import { tarArchive, type TarEntry } from './tar-archive.ts';

export interface ImageRecipe {
  readonly architecture: 'amd64' | 'arm64';
  /** One layer per element, lowest first. */
  readonly layers: readonly (readonly TarEntry[])[];
}

const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** Creates `directory` and writes a layout with one image, or with one index over several images. */
export async function writeOciLayout(directory: string, recipes: readonly ImageRecipe[]): Promise<void> {
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true });
  const store = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const digest = digestOf(bytes);
    await writeFile(join(directory, 'blobs', 'sha256', digestHex(digest)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const storeJson = (mediaType: string, value: unknown) => store(mediaType, Buffer.from(JSON.stringify(value)));

  const images: Descriptor[] = [];
  for (const recipe of recipes) images.push(await storeImage(recipe, store, storeJson));
  const [first] = images;
  const top =
    images.length === 1 && first !== undefined
      ? first
      : await storeJson(mediaTypes.index, { schemaVersion: 2, mediaType: mediaTypes.index, manifests: images });
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [top] }));
}

async function storeImage(
  recipe: ImageRecipe,
  store: (mediaType: string, bytes: Uint8Array) => Promise<Descriptor>,
  storeJson: (mediaType: string, value: unknown) => Promise<Descriptor>,
): Promise<Descriptor> {
  const archives = recipe.layers.map(tarArchive);
  const layers: Descriptor[] = [];
  // Level 1 is enough, because random content does not compress at any level.
  for (const archive of archives)
    layers.push(await store(mediaTypes.layer, await promisify(gzip)(archive, { level: 1 })));
  const platform = { os: 'linux', architecture: recipe.architecture };
  const config = await storeJson(mediaTypes.config, {
    ...platform,
    created: '2026-01-01T00:00:00Z',
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: archives.map((archive) => digestOf(archive)) },
    history: archives.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'cistern test image' })),
  });
  const manifest = await storeJson(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers,
  });
  return { ...manifest, platform };
}
