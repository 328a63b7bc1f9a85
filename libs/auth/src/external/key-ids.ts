// The names by which token servers call their keys.
import { createHash, type KeyObject } from 'node:crypto';

/** As registry 2.x and its token servers do (libtrust): `ABCD:EFGH:…` of the key's DER. */
export function libtrustId(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' });
  const bytes = createHash('sha256').update(der).digest().subarray(0, libtrustBytes);
  return (base32(bytes).match(/.{4}/g) ?? []).join(':');
}

/** Of RFC 7638, as registry 3.x does. */
export function thumbprint(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const required = ['crv', 'e', 'kty', 'n', 'x', 'y'].filter((member) => jwk[member as keyof typeof jwk] !== undefined);
  const canonical = JSON.stringify(
    Object.fromEntries(required.map((member) => [member, jwk[member as keyof typeof jwk]])),
  );
  return createHash('sha256').update(canonical).digest('base64url');
}

const libtrustBytes = 30;
const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648, of a multiple of five bytes. */
function base32(bytes: Buffer): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{5}/g) ?? []).map((five) => base32Alphabet[Number.parseInt(five, 2)]).join('');
}
