// Parses one reference in a manifest: its descriptor, and its role in the manifest.
import { invalidManifest, isJsonObject } from './manifest-json.ts';
import { type Digest, isDigest } from './names.ts';

/** The platform of an index entry (OCI image specification, "Image Index"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** A manifest's description of one child. `size` is in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
}

export interface Child extends Omit<Descriptor, 'size'> {
  readonly role: 'manifest' | 'config' | 'layer' | 'blob';
  /** Size in bytes. Unset only in schema 1, which has no sizes. */
  readonly size: number | undefined;
  /**
   * True if the layer has `urls` or is not distributable. The registry may not have such a layer, so the cache must not expect
   * it.
   */
  readonly foreign?: true;
}

// Docker's own registry uses this media type for a layer of schema 1.
const schema1LayerMediaType = 'application/vnd.docker.container.image.rootfs.diff+x-gtar';
const foreignMediaType =
  /^application\/vnd\.(?:docker\.image\.rootfs\.foreign\.|oci\.image\.layer\.nondistributable\.)/;
// A media type must be printable, because it can become the value of a header.
const printable = /^[\x20-\x7e]*$/;

/**
 * Parses and checks a descriptor. `where` is its place for errors, for example `layers[2]`. Throws `OciSyntaxError`
 * MANIFEST_INVALID.
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isJsonObject(value)) throw invalidManifest(`${where} is not an object`);
  const { mediaType, size } = value;
  if (typeof mediaType !== 'string' || !printable.test(mediaType))
    throw invalidManifest(`${where}.mediaType is not a media type`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalidManifest(`${where}.size is not a number of bytes`);
  const platform = parsePlatform(value['platform'], `${where}.platform`);
  const descriptor = { mediaType, digest: parseChildDigest(value['digest'], `${where}.digest`), size };
  return platform === undefined ? descriptor : { ...descriptor, platform };
}

/** Throws `OciSyntaxError` MANIFEST_INVALID. */
export function parseChild(value: unknown, role: Child['role'], where: string): Child {
  const descriptor = parseDescriptor(value, where);
  const urls = isJsonObject(value) ? (value['urls'] ?? []) : [];
  if (!Array.isArray(urls)) throw invalidManifest(`${where}.urls is not an array`);
  return urls.length > 0 || foreignMediaType.test(descriptor.mediaType)
    ? { ...descriptor, role, foreign: true }
    : { ...descriptor, role };
}

/** Parses an entry of `fsLayers` in schema 1. Throws `OciSyntaxError` MANIFEST_INVALID. */
export function parseFsLayer(value: unknown, where: string): Child {
  if (!isJsonObject(value)) throw invalidManifest(`${where} is not an object`);
  const digest = parseChildDigest(value['blobSum'], `${where}.blobSum`);
  return { mediaType: schema1LayerMediaType, digest, size: undefined, role: 'layer' };
}

function parseChildDigest(value: unknown, where: string): Digest {
  if (typeof value === 'string' && isDigest(value)) return value;
  throw invalidManifest(`${where} is not a sha256 or sha512 digest`);
}

/**
 * Returns `undefined` if the os or the architecture is missing, because such a platform is useless. Throws if a type is wrong.
 */
function parsePlatform(value: unknown, where: string): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw invalidManifest(`${where} is not an object`);
  const [os, architecture, variant] = ['os', 'architecture', 'variant'].map((name) => {
    const part = value[name] ?? '';
    if (typeof part !== 'string') throw invalidManifest(`${where}.${name} is not a string`);
    return part === '' ? undefined : part;
  });
  if (os === undefined || architecture === undefined) return undefined;
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}
