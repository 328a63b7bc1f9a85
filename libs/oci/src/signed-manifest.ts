// Signed manifests of schema 1, from before 2016. Their digest covers only the signed content, without the signatures
// (distribution's manifest/schema1, libtrust's pretty JWS).
import { type Digest, digestAlgorithm, digestOf } from './names.ts';

interface Signed {
  readonly signatures?: readonly { readonly protected?: unknown }[];
}

interface SignedPart {
  /** Bytes before the signatures. */
  readonly formatLength?: unknown;
  /** Bytes after them, as base64url. */
  readonly formatTail?: unknown;
}

/** Whether a manifest's bytes, or their signed content, have the digest. */
export function hasDigest(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, digestAlgorithm(digest)) === digest || hasSignedDigest(bytes, digest);
}

/** Returns false also for a manifest without signatures. */
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
