import { type KeyObject, X509Certificate } from 'node:crypto';

const maxCertificates = 10;

/**
 * The key of the first certificate of a token's `x5c` (RFC 7515, 4.1.6), which leads, each issued by the next, to one of
 * `roots`. Throws an Error.
 */
export function verifyChain(x5c: readonly unknown[], roots: readonly X509Certificate[], nowMs: number): KeyObject {
  const chain = x5c.slice(0, maxCertificates).map((text) => new X509Certificate(Buffer.from(String(text), 'base64')));
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('its chain of certificates is empty');
  for (const [at, certificate] of chain.entries()) {
    requireInTime(certificate, nowMs);
    if (at > 0 && !isIssuedBy(chain[at - 1]!, certificate)) break;
    if (roots.some((root) => root.fingerprint256 === certificate.fingerprint256)) return leaf.publicKey;
    const root = roots.find((one) => isIssuedBy(certificate, one));
    if (root === undefined) continue;
    requireInTime(root, nowMs);
    return leaf.publicKey;
  }
  throw new Error('its chain of certificates does not lead to one of auth.token.rootcertbundle');
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function requireInTime({ validFrom, validTo }: X509Certificate, nowMs: number): void {
  if (nowMs < Date.parse(validFrom) || nowMs > Date.parse(validTo))
    throw new Error('a certificate of its chain is not valid at this time');
}
