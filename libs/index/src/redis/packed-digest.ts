// Digests as they stand in Redis: there are several of each blob, and hexadecimal takes half as much again (decision 0042).
import type { Digest } from '@cistern/oci';

const algorithms = { 43: 'sha256', 86: 'sha512' } as const;

/** base64url, without padding: 43 characters for a sha256 digest, 86 for a sha512. */
export function packDigest(digest: Digest): string {
  return Buffer.from(digest.slice(digest.indexOf(':') + 1), 'hex').toString('base64url');
}

/** The reverse of `packDigest`, for what it has made. */
export function unpackDigest(packed: string): Digest {
  const algorithm = algorithms[packed.length as keyof typeof algorithms];
  return `${algorithm}:${Buffer.from(packed, 'base64url').toString('hex')}` as Digest;
}
