// Media types as they stand in Redis: a few make up nearly all, and each takes as much as the rest of a record.
import { mediaTypes } from '@cistern/oci';

/** What a code means is for ever. A new one needs a new `schema`, which older releases leave alone. */
const typeOfCode: Readonly<Record<string, string>> = {
  '/a': mediaTypes.ociIndex,
  '/b': mediaTypes.ociManifest,
  '/c': mediaTypes.dockerManifestList,
  '/d': mediaTypes.dockerManifest,
  '/e': 'application/vnd.oci.image.config.v1+json',
  '/f': 'application/vnd.oci.image.layer.v1.tar+gzip',
  '/g': 'application/vnd.oci.image.layer.v1.tar+zstd',
  '/h': 'application/vnd.oci.image.layer.v1.tar',
  '/i': 'application/vnd.docker.container.image.v1+json',
  '/j': 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};
const codeOfType = new Map(Object.entries(typeOfCode).map(([code, type]) => [type, code]));

/** Takes any text: a manifest may call its layers what it likes. */
export function packMediaType(mediaType: string): string {
  return codeOfType.get(mediaType) ?? (mediaType.startsWith('/') ? `/${mediaType}` : mediaType);
}

/** The reverse of `packMediaType`. */
export function unpackMediaType(packed: string): string {
  return packed.startsWith('/') ? (typeOfCode[packed] ?? packed.slice(1)) : packed;
}
