// An image as an OCI image layout in a tar archive (image-spec, image-layout.md). `docker load` reads the file
// `manifest.json` of the same archive, which `docker save` writes, too.
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fileOf, type PackedFile } from './files.ts';
import type { Platform } from './platforms.ts';
import { writeTar } from './write-tar.ts';

const compress = promisify(gzip);
const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;

export interface ImageOptions {
  /** The name and tag of the image after it is loaded. */
  readonly reference: string;
  readonly platform: Platform;
  /** The configuration of containers (image-spec, config.md). */
  readonly config: object;
  readonly madeAt: Date;
}

/** `layers` are uncompressed tar archives, the lowest first. */
export async function writeOciArchive(
  layers: readonly Buffer[],
  { reference, platform, config, madeAt }: ImageOptions,
): Promise<Buffer> {
  const blobs: PackedFile[] = [];
  const add = (mediaType: string, content: Buffer) => {
    const digest = digestOf(content);
    blobs.push(fileOf(blobPath(digest), content));
    return { mediaType, digest, size: content.length };
  };
  const addJson = (mediaType: string, content: object) => add(mediaType, Buffer.from(JSON.stringify(content)));

  const compressed = await Promise.all(layers.map((layer) => compress(layer, { level: 6 })));
  const described = compressed.map((layer) => add('application/vnd.oci.image.layer.v1.tar+gzip', layer));
  const created = madeAt.toISOString();
  const image = addJson('application/vnd.oci.image.config.v1+json', {
    created,
    architecture: platform.architecture,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    history: layers.map(() => ({ created, created_by: 'npm run release' })),
  });
  const manifest = addJson('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: image,
    layers: described,
  });
  const [, tag = ''] = reference.split(':');
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${reference}`,
    'org.opencontainers.image.ref.name': tag,
  };
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, annotations, platform: { architecture: platform.architecture, os: 'linux' } }],
  };
  const forDocker = [
    { Config: blobPath(image.digest), RepoTags: [reference], Layers: described.map(({ digest }) => blobPath(digest)) },
  ];
  return writeTar(
    [
      ...blobs,
      fileOf('index.json', JSON.stringify(index)),
      fileOf('manifest.json', JSON.stringify(forDocker)),
      fileOf('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    ],
    madeAt,
  );
}
