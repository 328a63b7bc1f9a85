// Signed manifests of schema 1, a format from before 2016. Their digest covers only the signed content, without the signatures.
// The format is in distribution's manifest/schema1, and in the pretty JWS of libtrust.
import { type Digest, digestAlgorithm, digestOf } from './names.ts';

interface Signed {
  readonly signatures?: readonly { readonly protected?: unknown }[];
}

interface SignedPart {
  /** Number of bytes of signed content before the signatures. */
  readonly formatLength?: unknown;
  /** The bytes of signed content after the signatures, in base64url. */
  readonly formatTail?: unknown;
}

/** Returns whether a manifest's bytes, or the signed content in them, have the digest. */
export function hasDigest(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, digestAlgorithm(digest)) === digest || hasSignedDigest(bytes, digest);
}

/** Returns whether the signed content of a manifest has the digest. Returns false if there are no signatures. */
export function hasSignedDigest(bytes: Uint8Array, digest: Digest): boolean {
  const signed = signedBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  return signed !== undefined && digestOf(signed, digestAlgorithm(digest)) === digest;
}

function signedBytes(bytes: Buffer): Buffer | undefined {
  if (!bytes.includes('"signatures"')) return undefined;
  try {
    const [signature] = (JSON.parse(bytes.toString('utf8')) as Signed).signatures ?? [];
    const { protected: part } = signature ?? {};
    if (typeof part !== 'string') return undefined;
    const { formatLength, formatTail } = JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as SignedPart;
    if (typeof formatLength !== 'number' || typeof formatTail !== 'string') return undefined;
    return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
  } catch {
    return undefined;
  }
}
