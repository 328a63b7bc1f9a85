// Content digests, as in the OCI image specification, "Digests". sha256 and sha512 are the registered algorithms.
import { createHash, type Hash } from 'node:crypto';
import { OciSyntaxError } from './syntax-error.ts';

/** `sha256:<64 hex>` or `sha512:<128 hex>`; made only by `parseDigest` and `digestOf`. */
export type Digest = string & { readonly __brand: 'Digest' };
export type DigestAlgorithm = 'sha256' | 'sha512';

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(value: string): value is Digest {
  return digestPattern.test(value);
}

/** Throws `OciSyntaxError` DIGEST_INVALID for anything but a lower-case sha256 or sha512 digest. */
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

/** A running hash of the digest's own algorithm. */
export function createDigestHash(digest: Digest): Hash {
  return createHash(digestAlgorithm(digest));
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}
