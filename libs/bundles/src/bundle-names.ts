// The names of the images in a bundle. A bundle is an OCI image layout in one tar archive; each of its images has its full name in
// the two annotations that other tools look for, and in docker's own file.
import { type Digest, layoutBlobPath, type LayoutEntry, mediaTypes } from '@cistern/oci';
import type { OpenedManifest } from '@cistern/pull-through';

/** containerd and docker name the image by the one, skopeo and podman by the other. */
const nameAnnotations = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'] as const;
/** When the cache that exported a tag saw it name this manifest first: what a later import compares. */
const changedAnnotation = 'dev.cistern.changed';

export function annotationsOf(name: string, changedAtMs: number | undefined): LayoutEntry['annotations'] {
  return {
    ...(changedAtMs !== undefined && { [changedAnnotation]: new Date(changedAtMs).toISOString() }),
    ...Object.fromEntries(nameAnnotations.map((annotation) => [annotation, name])),
  };
}

/** `undefined`: the entry does not say, or says only a tag. */
export function nameOf({ annotations }: LayoutEntry): string | undefined {
  return nameAnnotations.map((annotation) => annotations[annotation]).find((name) => name?.includes('/'));
}

/** `undefined`: the bundle is not of Cistern's making, or the image has no tag. */
export function changedAtMsOf({ annotations }: LayoutEntry): number | undefined {
  const changedAtMs = Date.parse(annotations[changedAnnotation] ?? '');
  return Number.isNaN(changedAtMs) ? undefined : changedAtMs;
}

export const dockerManifestPath = 'manifest.json';

export interface LoadableImage {
  readonly name: string;
  /** The manifest of a valid image. */
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

/**
 * The file by which `docker load` finds images where docker does not use containerd's store. It knows no index, so of each image it
 * has the one for a single platform. Artifacts that are no container image are left out.
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
