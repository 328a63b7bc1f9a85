// What frontends and workers show one another. Derived from the cluster's secret, so that the secret itself, which also
// seals what the cluster keeps, is never sent.
import { createHash, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Value of the `Authorization` header. */
export function fillAuthorization(clusterSecret: string): string {
  const token = Buffer.from(hkdfSync('sha256', clusterSecret, '', 'cistern fill server v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}

/** In constant time, whatever is given. */
export function isSameAuthorization(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(sha256(given ?? ''), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
