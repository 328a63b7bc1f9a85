// A certificate with its chain and its private key, and the check that they match.
import { createPrivateKey, X509Certificate } from 'node:crypto';

export interface KeyPair {
  /** PEM: the certificate itself, then its intermediate certificates. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly key: string;
}

export interface CertificateFacts {
  /** The DNS names and addresses of the certificate. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly fingerprint: string;
}

/** The fault of a certificate or a key. `message` is a clause for people and shows nothing of the key. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** Throws `CertificateError` if one of the two cannot be read, or they do not match. */
export function describeKeyPair({ certificate, key }: KeyPair): CertificateFacts {
  const leaf = read('the certificate is not a PEM certificate', () => new X509Certificate(certificate));
  const privateKey = read('the private key is not a PEM key without a passphrase', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw new CertificateError('the private key does not match the certificate');
  return {
    names: namesOf(leaf),
    notBeforeMs: leaf.validFromDate.getTime(),
    expiresAtMs: leaf.validToDate.getTime(),
    fingerprint: leaf.fingerprint256,
  };
}

/**
 * Throws `CertificateError`. OpenSSL alone would accept a file without a certificate as an empty list of authorities.
 */
export function checkAuthorities(authorities: readonly string[]): void {
  for (const text of authorities)
    read('a file of client authorities contains no PEM certificate', () => new X509Certificate(text));
}

function read<T>(problem: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CertificateError(problem, { cause: error });
  }
}

/** Returns `DNS:a.test, IP Address:10.0.0.1` as a list of names. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
}
