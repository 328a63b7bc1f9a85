// Checks bytes against their digest. It remembers known contents, because hashing them in each run would dominate the
// run time.
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';

const known = new Map<Digest, Uint8Array>();
const digests = new WeakMap<Uint8Array, Digest>();

/** Remembers contents that many runs use. The bytes must never change. */
export function rememberBytes(bytes: Uint8Array): Digest {
  const digest = digestOf(bytes);
  known.set(digest, bytes);
  digests.set(bytes, digest);
  return digest;
}

/** Returns the digest, and computes it only once for the same bytes. `bytes` must never change. */
export function digestOnce(bytes: Uint8Array): Digest {
  const digest = digests.get(bytes) ?? digestOf(bytes);
  digests.set(bytes, digest);
  return digest;
}

export function isRight(digest: Digest, bytes: Uint8Array | undefined): boolean {
  if (bytes === undefined) return false;
  const right = known.get(digest);
  if (right !== undefined) return Buffer.compare(right, bytes) === 0;
  return digestOf(bytes, digestAlgorithm(digest)) === digest;
}
