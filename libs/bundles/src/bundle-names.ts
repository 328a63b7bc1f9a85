// The names of the images in a bundle. A bundle is an OCI image layout in one tar archive. The full name of each image is in the
// two annotations that other tools read, and in the file that docker reads.
import { type Digest, layoutBlobPath, type LayoutEntry, mediaTypes } from '@cistern/oci';
import type { OpenedManifest } from '@cistern/pull-through';

/** containerd and docker read the first, skopeo and podman the second. */
const nameAnnotations = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'] as const;
/**
 * The time when the exporting cache first saw this manifest under the tag. The import compares it with the time in its own cache.
 */
const changedAnnotation = 'dev.cistern.changed';

export function annotationsOf(name: string, changedAtMs: number | undefined): LayoutEntry['annotations'] {
  return {
    ...(changedAtMs !== undefined && { [changedAnnotation]: new Date(changedAtMs).toISOString() }),
    ...Object.fromEntries(nameAnnotations.map((annotation) => [annotation, name])),
  };
}

/** Returns `undefined` if the entry has no name, or only a tag. */
export function nameOf({ annotations }: LayoutEntry): string | undefined {
  return nameAnnotations.map((annotation) => annotations[annotation]).find((name) => name?.includes('/'));
}

/** Returns `undefined` if the time is unknown, because another tool wrote the bundle or the image has no tag. */
export function changedAtMsOf({ annotations }: LayoutEntry): number | undefined {
  const changedAtMs = Date.parse(annotations[changedAnnotation] ?? '');
  return Number.isNaN(changedAtMs) ? undefined : changedAtMs;
}

export const dockerManifestPath = 'manifest.json';

export interface LoadableImage {
  readonly name: string;
  /** The manifest, which must have been parsed without errors. */
  readonly manifest: OpenedManifest;
}

interface ImageManifest {
  readonly config: { readonly mediaType: string; readonly digest: Digest };
  /** All layers, including repeated ones. */
  readonly layers: readonly { readonly digest: Digest }[];
}

const imageTypes = new Set<string>([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
const configTypes = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/**
 * Formats the file that `docker load` reads if docker does not use containerd's image store. The file does not support indexes,
 * so each image in it is for a single platform. Artifacts that are not container images are left out.
 */
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
