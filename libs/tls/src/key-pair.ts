// A certificate with its chain and its private key, and whether they are of any use together.
import { createPrivateKey, X509Certificate } from 'node:crypto';

export interface KeyPair {
  /** PEM: the certificate itself, then those between it and its root. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly key: string;
}

export interface CertificateFacts {
  /** What it is for: DNS names and addresses. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly fingerprint: string;
}

/** What is wrong with a certificate or a key; `message` is a clause for people and shows nothing of the key. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** Throws `CertificateError` when one of the two cannot be read, or they do not belong together. */
export function describeKeyPair({ certificate, key }: KeyPair): CertificateFacts {
  const leaf = read('the certificate is no PEM certificate', () => new X509Certificate(certificate));
  const privateKey = read('the private key is no PEM key that can be read without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!leaf.checkPrivateKey(privateKey)) throw new CertificateError('the private key is not that of the certificate');
  return {
    names: namesOf(leaf),
    notBeforeMs: leaf.validFromDate.getTime(),
    expiresAtMs: leaf.validToDate.getTime(),
    fingerprint: leaf.fingerprint256,
  };
}

/** Throws `CertificateError`. OpenSSL itself takes a file without a certificate for one of no authorities. */
export function checkAuthorities(authorities: readonly string[]): void {
  for (const text of authorities)
    read('a file of client authorities holds no PEM certificate', () => new X509Certificate(text));
}

function read<T>(problem: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CertificateError(problem, { cause: error });
  }
}

/** `DNS:a.test, IP Address:10.0.0.1` as a list. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
}
