// What entries of a bundle's index are called. A bundle is an OCI image layout in one tar archive; each of its images has its
// full name in the two annotations that other tools look for.
import type { LayoutEntry } from '@cistern/oci';

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
