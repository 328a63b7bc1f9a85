// Reads the keys that verify tokens of an external token server, from a PEM bundle of CA certificates and from a JWKS.
import { createPublicKey, type KeyObject, X509Certificate, createHash } from 'node:crypto';
import type { JWK } from 'jose';

const libtrustBytes = 30;
const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Throws an Error if the text has no certificate. */
export function parseBundle(text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('it contains no PEM certificate');
  return blocks.map((block) => new X509Certificate(block));
}

/**
 * Parses a JWKS. Returns public keys by `kid`. Throws an Error if the text is not a JWKS, a key has no `kid`, or a key
 * is symmetric.
 */
export function parseKeySet(text: string): ReadonlyMap<string, KeyObject> {
  let set: { readonly keys?: unknown };
  try {
    set = JSON.parse(text) as typeof set;
  } catch {
    throw new Error('it is not JSON');
  }
  if (!Array.isArray(set.keys) || set.keys.length === 0)
    throw new Error('it is not a JWKS of the form { "keys": [ … ] }');
  return new Map(
    set.keys.map((key: JWK, at) => {
      if (typeof key.kid !== 'string') throw new Error(`key ${at + 1} has no kid`);
      // Also accepts a private key, and returns its public key. Throws for a symmetric key.
      return [key.kid, createPublicKey({ key, format: 'jwk' })] as const;
    }),
  );
}

/** Returns the public keys of certificates by both `kid` values that token servers compute for a key. */
export function keysOf(certificates: readonly X509Certificate[]): ReadonlyMap<string, KeyObject> {
  return new Map(
    certificates.flatMap(({ publicKey }) => [
      [libtrustId(publicKey), publicKey] as const,
      [thumbprint(publicKey), publicKey] as const,
    ]),
  );
}

/** Computes the `kid` that token servers for registry 2.x use (libtrust format): `ABCD:EFGH:…` from the key's DER. */
function libtrustId(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' });
  const bytes = createHash('sha256').update(der).digest().subarray(0, libtrustBytes);
  return (base32(bytes).match(/.{4}/g) ?? []).join(':');
}

/** Computes the JWK thumbprint (RFC 7638), which token servers for registry 3.x use as `kid`. */
function thumbprint(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const required = ['crv', 'e', 'kty', 'n', 'x', 'y'].filter((member) => jwk[member as keyof typeof jwk] !== undefined);
  const canonical = JSON.stringify(
    Object.fromEntries(required.map((member) => [member, jwk[member as keyof typeof jwk]])),
  );
  return createHash('sha256').update(canonical).digest('base64url');
}

/** Encodes base32 (RFC 4648). The length must be a multiple of five bytes. */
function base32(bytes: Buffer): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{5}/g) ?? []).map((five) => base32Alphabet[Number.parseInt(five, 2)]).join('');
}

const maxCertificates = 10;

/**
 * Returns the public key of the first certificate in a token's `x5c` (RFC 7515, section 4.1.6). Each certificate must
 * be issued by the next, up to the first that is in `roots` or was issued by one of them. These certificates must be
 * valid at `nowMs`, and later ones are ignored. Throws an Error if the chain is not like this, or is longer than ten
 * certificates.
 */
export function verifyChain(x5c: readonly unknown[], roots: readonly X509Certificate[], nowMs: number): KeyObject {
  const chain = x5c.slice(0, maxCertificates).map((text) => new X509Certificate(Buffer.from(String(text), 'base64')));
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('the certificate chain of the token is empty');
  for (const [at, certificate] of chain.entries()) {
    requireInTime(certificate, nowMs);
    if (at > 0 && !isIssuedBy(chain[at - 1]!, certificate)) break;
    if (roots.some((root) => root.fingerprint256 === certificate.fingerprint256)) return leaf.publicKey;
    const root = roots.find((one) => isIssuedBy(certificate, one));
    if (root === undefined) continue;
    requireInTime(root, nowMs);
    return leaf.publicKey;
  }
  throw new Error('the certificate chain of the token does not lead to a certificate of auth.token.rootcertbundle');
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function requireInTime({ validFrom, validTo }: X509Certificate, nowMs: number): void {
  if (nowMs < Date.parse(validFrom) || nowMs > Date.parse(validTo))
    throw new Error('a certificate in the chain of the token is not yet valid or has expired');
}
