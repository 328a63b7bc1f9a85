// How records are written in Redis. Each has the number of its schema, so that two releases can run side by side; digests and media
// types are packed. A record of a newer release is absent for this one, and stays: the scripts refuse to write over it.
import { type Digest, mediaTypes } from '@cistern/oci';

export const schema = 1;

/** The field of the schema in every hash that is a record. */
export const schemaField = 'v';

/** A hash as Redis gives it; empty if there is none. */
export type StoredHash = Readonly<Record<string, string | undefined>>;

/** False for a hash that is not there, or of a newer schema. */
export function isReadable(hash: StoredHash): boolean {
  return hash[schemaField] !== undefined && Number(hash[schemaField]) <= schema;
}

const algorithms = { 43: 'sha256', 86: 'sha512' } as const;

/**
 * base64url, without padding: 43 characters for a sha256 digest, 86 for a sha512. Redis holds several digests for each blob, and
 * hexadecimal takes half as much again (decision 0042).
 */
export function packDigest(digest: Digest): string {
  return Buffer.from(digest.slice(digest.indexOf(':') + 1), 'hex').toString('base64url');
}

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** A pattern of Redis for the packed digests whose first byte is `hexByte`: a character has six bits, the next two are the rest. */
export function packedPattern(hexByte: string): string {
  const byte = Number.parseInt(hexByte, 16);
  const seconds = base64url.slice((byte & 3) << 4, ((byte & 3) + 1) << 4);
  return `${base64url[byte >> 2]}[${seconds.replace('-', String.raw`\-`)}]*`;
}

/** The reverse of `packDigest`, for what it has made. */
export function unpackDigest(packed: string): Digest {
  const algorithm = algorithms[packed.length as keyof typeof algorithms];
  return `${algorithm}:${Buffer.from(packed, 'base64url').toString('hex')}` as Digest;
}

/**
 * A few media types are nearly all, and each takes as much as the rest of a record. A code keeps its meaning for ever: a new one
 * needs a new `schema`, which older releases do not read.
 */
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

/** Fields and values, or members and scores, as Redis answers with them: one after the other. */
export function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at]!, flat[at + 1]!]);
  return found;
}
