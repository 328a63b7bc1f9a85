// Parses the references of a manifest. The formats are "Image Manifest" and "Image Index" of the OCI image specification, and
// Docker's V2 schema 1 and 2. The cache forwards the bytes of a manifest unchanged, and only needs to know which content belongs
// to it.
import { type Descriptor, type Child, parseChild, parseDescriptor, parseFsLayer } from './manifest-child.ts';
import { invalidManifest, type JsonObject, parseManifestJson } from './manifest-json.ts';
import { isIndexMediaType, mediaTypeOf, mediaTypes } from './media-types.ts';

export interface Manifest {
  readonly kind: 'index' | 'image' | 'schema1' | 'other';
  /**
   * Without parameters. It comes from the body, otherwise from the Content-Type, and otherwise it is inferred from the fields of
   * the body.
   */
  readonly mediaType: string;
  /** In the manifest's order, with the config first. Each digest occurs only one time. */
  readonly children: readonly Child[];
  readonly subject?: Descriptor;
  readonly artifactType?: string;
}

/** The distribution specification recommends that registries accept manifests of this size, and upstreams do. */
export const maxManifestBytes = 4 * 1024 * 1024;
/** Far more than any image has. There must be a limit, because each child costs links, space in the index, and time. */
export const maxManifestChildren = 2_000;

// Servers send one of these if they do not know the type of their content.
const genericMediaTypes = new Set(['application/json', 'application/octet-stream', 'text/plain']);

/**
 * Parses a manifest. `contentType` is the Content-Type that the upstream sent. A manifest of an unknown media type gets the kind
 * `other` and no children. Throws `OciSyntaxError` MANIFEST_INVALID if the manifest is invalid, larger than 4 MiB, or has more
 * than `maxManifestChildren` children.
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const { isCut, ...manifest } = read(bytes, contentType);
  if (isCut) throw invalidManifest(`it has more than ${maxManifestChildren} layers or manifests`);
  return manifest;
}

/**
 * Like `parseManifest`, but for stored bytes, which may be from a release without a limit on children. It ignores children above
 * the limit.
 */
export function parseStoredManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const { isCut: _, ...manifest } = read(bytes, contentType);
  return manifest;
}

interface Children {
  readonly children: readonly Child[];
  /** True if the manifest has more children than these. */
  readonly isCut: boolean;
}

function read(bytes: Uint8Array, contentType: string | undefined): Manifest & Children {
  const body = parseManifestJson(bytes);
  const mediaType = manifestMediaType(body, contentType);
  const kind = kindOf(mediaType);
  if (kind === 'schema1') return { kind, mediaType, ...distinct(listOf(body, 'fsLayers', parseFsLayer)) };
  if (kind === 'other' && mediaType !== mediaTypes.ociArtifact) return { kind, mediaType, children: [], isCut: false };
  const subject = body['subject'] ?? undefined;
  const artifactType = stringOf(body, 'artifactType');
  return {
    kind,
    mediaType,
    ...distinct(childrenOf(body, kind)),
    ...(subject === undefined ? {} : { subject: parseDescriptor(subject, 'subject') }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

function manifestMediaType(body: JsonObject, contentType: string | undefined): string {
  const own = stringOf(body, 'mediaType');
  if (own !== undefined) {
    const mediaType = mediaTypeOf(own);
    if (mediaType === undefined) throw invalidManifest('mediaType is not a media type');
    return mediaType;
  }
  const sent = mediaTypeOf(contentType);
  if (sent !== undefined && !genericMediaTypes.has(sent)) return sent;
  return inferredMediaType(body) ?? sent ?? 'application/json';
}

function inferredMediaType(body: JsonObject): string | undefined {
  if (body['schemaVersion'] === 1)
    return body['signatures'] === undefined ? mediaTypes.dockerSchema1 : mediaTypes.dockerSchema1Signed;
  if (body['schemaVersion'] !== 2) return undefined;
  const isIndex = 'manifests' in body;
  const isImage = 'config' in body || 'layers' in body;
  // Such a manifest is rejected, because clients would disagree about its type (CVE-2021-41190).
  if (isIndex && isImage) throw invalidManifest('it has no mediaType, and both manifests and layers');
  if (isIndex) return mediaTypes.ociIndex;
  return isImage ? mediaTypes.ociManifest : undefined;
}

function kindOf(mediaType: string): Manifest['kind'] {
  if (isIndexMediaType(mediaType)) return 'index';
  if (mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest) return 'image';
  if (mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed) return 'schema1';
  return 'other';
}

function childrenOf(body: JsonObject, kind: 'index' | 'image' | 'other'): Iterable<Child> {
  if (kind === 'index') return listOf(body, 'manifests', (entry, where) => parseChild(entry, 'manifest', where));
  if (kind === 'image') return partsOf(body);
  return listOf({ blobs: null, ...body }, 'blobs', (blob, where) => parseChild(blob, 'blob', where));
}

function* partsOf(body: JsonObject): Iterable<Child> {
  yield parseChild(body['config'], 'config', 'config');
  yield* listOf(body, 'layers', (layer, where) => parseChild(layer, 'layer', where));
}

function* listOf(body: JsonObject, name: string, parse: (value: unknown, where: string) => Child): Iterable<Child> {
  const list = body[name];
  // Go writes a nil slice as null.
  if (list === null) return;
  if (!Array.isArray(list)) throw invalidManifest(`${name} is not an array`);
  for (const [index, value] of list.entries()) yield parse(value, `${name}[${index}]`);
}

/** Keeps the first child of each digest. Does not parse children above the limit. */
function distinct(children: Iterable<Child>): Children {
  const seen = new Map<string, Child>();
  for (const child of children) {
    if (seen.has(child.digest)) continue;
    if (seen.size === maxManifestChildren) return { children: [...seen.values()], isCut: true };
    seen.set(child.digest, child);
  }
  return { children: [...seen.values()], isCut: false };
}

/** Returns `undefined` also for an empty string, because programs in Go write that if the value is missing. */
function stringOf(body: JsonObject, name: string): string | undefined {
  const value = body[name] ?? '';
  if (typeof value !== 'string') throw invalidManifest(`${name} is not a string`);
  return value === '' ? undefined : value;
}
