// What frontends and workers show one another. Derived from the cluster's secret, so that the secret itself, which also
// seals what the cluster keeps, is never sent.
import { hkdfSync } from 'node:crypto';

/** Value of the `Authorization` header. */
export function fillAuthorization(clusterSecret: string): string {
  const token = Buffer.from(hkdfSync('sha256', clusterSecret, '', 'cistern fill server v1', 32));
  return `Bearer ${token.toString('base64url')}`;
}
