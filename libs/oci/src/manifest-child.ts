// One reference in a manifest: its checked descriptor, and its role in the manifest.
import { invalidManifest, isJsonObject } from './manifest-json.ts';
import { type Digest, isDigest } from './names.ts';

/** A platform of an index entry, as the OCI image specification's "Image Index" has it. */
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
  /** Size in bytes. `undefined` only in schema 1, which does not contain it. */
  readonly size: number | undefined;
  /** The layer has `urls` or is not distributable, so it may be missing in the registry. Never promise it. */
  readonly foreign?: true;
}

// The media type that Docker's own registry uses for a layer of schema 1.
const schema1LayerMediaType = 'application/vnd.docker.container.image.rootfs.diff+x-gtar';
const foreignMediaType =
  /^application\/vnd\.(?:docker\.image\.rootfs\.foreign\.|oci\.image\.layer\.nondistributable\.)/;
// The value may become a header.
const printable = /^[\x20-\x7e]*$/;

/** `where` names the descriptor in errors, for example `layers[2]`. Throws `OciSyntaxError` MANIFEST_INVALID. */
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

/** An entry of schema 1's `fsLayers`. Throws `OciSyntaxError` MANIFEST_INVALID. */
export function parseFsLayer(value: unknown, where: string): Child {
  if (!isJsonObject(value)) throw invalidManifest(`${where} is not an object`);
  const digest = parseChildDigest(value['blobSum'], `${where}.blobSum`);
  return { mediaType: schema1LayerMediaType, digest, size: undefined, role: 'layer' };
}

function parseChildDigest(value: unknown, where: string): Digest {
  if (typeof value === 'string' && isDigest(value)) return value;
  throw invalidManifest(`${where} is not a sha256 or sha512 digest`);
}

/** Leaves out a platform without both names, because it is useless. Rejects wrong types. */
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
