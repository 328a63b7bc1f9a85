// An OCI image layout (image specification, "Image Layout"): the names of its parts, and its index. The annotations of an index
// entry contain the name of the image.
import { type Digest, digestAlgorithm, digestHex, isDigest } from './names.ts';
import { type Descriptor, parseDescriptor } from './manifest-child.ts';
import { invalidManifest, isJsonObject, parseManifestJson } from './manifest-json.ts';
import { mediaTypes } from './media-types.ts';

export interface LayoutEntry extends Descriptor {
  readonly annotations: Readonly<Record<string, string>>;
}

export const layoutMarker = { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' } as const;
export const layoutIndexPath = 'index.json';

/** Returns `blobs/<algorithm>/<hex>`. */
export function layoutBlobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** Reverses `layoutBlobPath`. Returns `undefined` for any other path. */
export function parseLayoutBlobPath(path: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

/**
 * Returns whether `bytes` are the marker of a supported layout version. Every 1.x is supported, because minor versions only add
 * fields.
 */
export function isLayoutMarker(bytes: Uint8Array): boolean {
  const version = parseManifestJson(bytes)['imageLayoutVersion'];
  return typeof version === 'string' && version.startsWith('1.');
}

export function formatLayoutIndex(entries: readonly LayoutEntry[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries });
}

/** Returns all entries, even if several have the same digest. Throws `OciSyntaxError` MANIFEST_INVALID. */
export function parseLayoutIndex(bytes: Uint8Array): readonly LayoutEntry[] {
  const { manifests } = parseManifestJson(bytes);
  if (!Array.isArray(manifests)) throw invalidManifest('manifests is not an array');
  return manifests.map((entry: unknown, at) => {
    const where = `manifests[${at}]`;
    return { ...parseDescriptor(entry, where), annotations: parseAnnotations(entry, `${where}.annotations`) };
  });
}

function parseAnnotations(entry: unknown, where: string): Record<string, string> {
  const annotations = (isJsonObject(entry) ? entry['annotations'] : undefined) ?? {};
  if (!isJsonObject(annotations)) throw invalidManifest(`${where} is not an object`);
  for (const [name, value] of Object.entries(annotations))
    if (typeof value !== 'string') throw invalidManifest(`${where}[${JSON.stringify(name)}] is not a string`);
  return annotations as Record<string, string>;
}
