// The format of records in Redis. Digests and media types are packed. Each record contains its schema number, so that
// nodes of two releases can run at the same time. A record with a newer schema counts as absent, and the scripts do not
// overwrite it.
import { type Digest, mediaTypes } from '@cistern/oci';

export const schema = 1;

/** The schema field of every hash that is a record. */
export const schemaField = 'v';

/** A hash as ioredis returns it. It is empty if the key does not exist. */
export type StoredHash = Readonly<Record<string, string | undefined>>;

/** Returns false if the hash does not exist or has a newer schema. */
export function isReadable(hash: StoredHash): boolean {
  return hash[schemaField] !== undefined && Number(hash[schemaField]) <= schema;
}

const algorithms = { 43: 'sha256', 86: 'sha512' } as const;

/**
 * Packs a digest as base64url without padding: 43 characters for sha256, 86 for sha512. Redis holds several digests for
 * each blob, and hexadecimal digests would be 50 % longer (decision 0042).
 */
export function packDigest(digest: Digest): string {
  return Buffer.from(digest.slice(digest.indexOf(':') + 1), 'hex').toString('base64url');
}

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Returns a Redis pattern for packed digests whose first byte is in a range. It also matches up to three bytes before
 * and after the range, because the first character contains only six bits of the first byte.
 */
export function packedPattern(firstByte: number, lastByte: number): string {
  const characters = base64url.slice(firstByte >> 2, (lastByte >> 2) + 1);
  return characters === base64url ? '*' : `[${characters.replace('-', String.raw`\-`)}]*`;
}

/** Returns the first byte of a packed digest. Its first two characters contain it. */
export function firstByteOf(packed: string): number {
  return Buffer.from(packed.slice(0, 2), 'base64url')[0] ?? 0;
}

/** Reverses `packDigest`. */
export function unpackDigest(packed: string): Digest {
  const algorithm = algorithms[packed.length as keyof typeof algorithms];
  return `${algorithm}:${Buffer.from(packed, 'base64url').toString('hex')}` as Digest;
}

/**
 * Codes for the most common media types. Without codes, a media type would take as much space as the rest of a record.
 * The meaning of a code must never change. A new code requires a new `schema` number, so that older releases do not
 * read it.
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

/** Packs a media type. Also accepts other texts, because a manifest can contain any text as media type of a layer. */
export function packMediaType(mediaType: string): string {
  return codeOfType.get(mediaType) ?? (mediaType.startsWith('/') ? `/${mediaType}` : mediaType);
}

/** Reverses `packMediaType`. */
export function unpackMediaType(packed: string): string {
  return packed.startsWith('/') ? (typeOfCode[packed] ?? packed.slice(1)) : packed;
}

/** Groups a flat Redis reply into pairs: fields and values, or members and scores. */
export function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at]!, flat[at + 1]!]);
  return found;
}
