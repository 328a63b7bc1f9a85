// The names of the pull API: repositories, tags and references, by the OCI distribution specification, "Pulling manifests".
// Digests follow the image specification, "Digests". Its registered algorithms are sha256 and sha512.
import { createHash, type Hash } from 'node:crypto';
import { OciSyntaxError } from './syntax-error.ts';

/** `sha256:<64 hex>` or `sha512:<128 hex>`. Only `isDigest`, `parseDigest` and `digestOf` produce this type. */
export type Digest = string & { readonly __brand: 'Digest' };
export type DigestAlgorithm = 'sha256' | 'sha512';

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(value: string): value is Digest {
  return digestPattern.test(value);
}

/** Throws `OciSyntaxError` DIGEST_INVALID if `value` is not a lower-case sha256 or sha512 digest. */
export function parseDigest(value: string): Digest {
  if (isDigest(value)) return value;
  throw new OciSyntaxError('DIGEST_INVALID', `"${value.slice(0, 140)}" is not a sha256 or sha512 digest`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

export function digestHex(digest: Digest): string {
  return digest.slice(7);
}

/** Creates a hash with the algorithm of the digest. */
export function createDigestHash(digest: Digest): Hash {
  return createHash(digestAlgorithm(digest));
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

/** A valid tag of at most 128 characters. Only `parseTag` produces this type. */
export type Tag = string & { readonly __brand: 'Tag' };

export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest };

const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Throws `OciSyntaxError` TAG_INVALID. */
export function parseTag(value: string): Tag {
  if (tagPattern.test(value)) return value as Tag;
  throw new OciSyntaxError('TAG_INVALID', `"${value.slice(0, 140)}" is not a valid tag`);
}

/** A value with a `:` is a digest, because a tag cannot contain one. Throws `OciSyntaxError` DIGEST_INVALID or TAG_INVALID. */
export function parseReference(value: string): Reference {
  return value.includes(':') ? { kind: 'digest', digest: parseDigest(value) } : { kind: 'tag', tag: parseTag(value) };
}

/**
 * A valid repository name of at most 255 characters, for example `library/nginx`. Only `parseRepositoryName` produces this type.
 */
export type RepositoryName = string & { readonly __brand: 'RepositoryName' };

/** The pattern of one path component, for use in larger patterns. */
export const nameComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const namePattern = new RegExp(`^${nameComponent}(?:/${nameComponent})*$`);
/** The specification recommends this limit, even for host and name together. */
const maxLength = 255;

/** Throws `OciSyntaxError` NAME_INVALID. */
export function parseRepositoryName(value: string): RepositoryName {
  return checkName(value, namePattern) as RepositoryName;
}

/** Returns `value`. Throws `OciSyntaxError` NAME_INVALID if it does not match `pattern` or is too long. */
export function checkName(value: string, pattern: RegExp): string {
  if (value.length > maxLength)
    throw new OciSyntaxError('NAME_INVALID', `repository name is longer than ${maxLength} characters`);
  if (pattern.test(value)) return value;
  const why = 'is not a valid repository name: lower-case path components only';
  throw new OciSyntaxError('NAME_INVALID', `"${value}" ${why}`);
}
