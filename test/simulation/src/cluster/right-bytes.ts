// Whether bytes are what a digest says. Hashing the same contents in each run is what a run would spend its time on.
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';

const known = new Map<Digest, Uint8Array>();
const digests = new WeakMap<Uint8Array, Digest>();

/** For contents of many runs, which never change. */
export function rememberBytes(bytes: Uint8Array): Digest {
  const digest = digestOf(bytes);
  known.set(digest, bytes);
  digests.set(bytes, digest);
  return digest;
}

/** `bytes` never change. */
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
