// Describes a certificate with its chain and its private key, and checks that they match.
import { createPrivateKey, X509Certificate } from 'node:crypto';

export interface KeyPair {
  /** In PEM: the certificate itself, then its intermediate certificates. */
  readonly certificate: string;
  /** The private key in PEM, not encrypted. */
  readonly key: string;
}

export interface CertificateFacts {
  /** The DNS names and IP addresses for which the certificate is valid. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly fingerprint: string;
}

/** A certificate or a key cannot be used. `message` is a clause for operators and contains no part of the key. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** Throws `CertificateError` if the certificate or the key is invalid, or if the two do not match. */
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
 * Throws `CertificateError` if a text has no PEM certificate. OpenSSL would accept such a text as an empty list of CAs.
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

/** Converts the text `DNS:a.test, IP Address:10.0.0.1` to a list of names. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
}
