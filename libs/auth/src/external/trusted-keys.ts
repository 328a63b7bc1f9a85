// Whom tokens of an external token server are believed from: the authorities of a PEM bundle, the keys of a set.
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { JWK } from 'jose';
import { libtrustId, thumbprint } from './key-ids.ts';

/** Throws an Error for text without a certificate. */
export function parseBundle(text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('it has no certificate in PEM');
  return blocks.map((block) => new X509Certificate(block));
}

/** Throws an Error for text that is no set of keys, or whose keys have no names. Secrets are none. */
export function parseKeySet(text: string): ReadonlyMap<string, KeyObject> {
  let set: { readonly keys?: unknown };
  try {
    set = JSON.parse(text) as typeof set;
  } catch {
    throw new Error('it is no JSON');
  }
  if (!Array.isArray(set.keys) || set.keys.length === 0) throw new Error('it is no set of keys: { "keys": [ … ] }');
  return new Map(
    set.keys.map((key: JWK, at) => {
      if (typeof key.kid !== 'string') throw new Error(`key ${at + 1} has no kid`);
      // Of a private key this is the public half; a symmetric one throws.
      return [key.kid, createPublicKey({ key, format: 'jwk' })] as const;
    }),
  );
}

/** The keys of certificates under the names that token servers have for them. */
export function keysOf(certificates: readonly X509Certificate[]): ReadonlyMap<string, KeyObject> {
  return new Map(
    certificates.flatMap(({ publicKey }) => [
      [libtrustId(publicKey), publicKey] as const,
      [thumbprint(publicKey), publicKey] as const,
    ]),
  );
}
