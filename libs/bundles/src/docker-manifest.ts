// The file by which `docker load` finds images where docker does not use containerd's store: it knows no index, so of each
// image it has the one for a single platform.
import { type Digest, layoutBlobPath, mediaTypes } from '@cistern/oci';
import type { OpenedManifest } from '@cistern/pull-through';

export const dockerManifestPath = 'manifest.json';

export interface LoadableImage {
  readonly name: string;
  /** Of a valid image. */
  readonly manifest: OpenedManifest;
}

interface ImageManifest {
  readonly config: { readonly mediaType: string; readonly digest: Digest };
  /** With those that occur more than once. */
  readonly layers: readonly { readonly digest: Digest }[];
}

const imageTypes = new Set<string>([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
const configTypes = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/** What is no container image is left out. */
export function formatDockerManifest(images: readonly LoadableImage[]): string {
  const entries = images.flatMap(({ name, manifest: { mediaType, bytes } }) => {
    if (!imageTypes.has(mediaType)) return [];
    const { config, layers } = JSON.parse(bytes.toString('utf8')) as ImageManifest;
    if (!configTypes.has(config.mediaType)) return [];
    const paths = layers.map(({ digest }) => layoutBlobPath(digest));
    return [{ Config: layoutBlobPath(config.digest), RepoTags: [name], Layers: paths }];
  });
  return JSON.stringify(entries);
}
