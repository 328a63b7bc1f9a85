// Reads the certificate, the key and the CA certificates for clients of a server from files. A renewal replaces the
// files while the server runs (decision 0027).
import { fileText } from '@cistern/runtime';
import type { KeyPair } from './key-pair.ts';

/** The certificate that a server sends, and the CAs whose client certificates it accepts. */
export interface Identity {
  /** `undefined` means that there is no certificate yet, so every handshake of a client fails. */
  readonly pair: KeyPair | undefined;
  /** CA certificates in PEM that verify client certificates. Empty means that clients need no certificates. */
  readonly clientAuthorities: readonly string[];
  /** The current proofs for an ACME CA that checks `tls-alpn-01`. */
  readonly proofs: readonly AlpnProof[];
}

export interface AlpnProof {
  readonly host: string;
  readonly pair: KeyPair;
}

/** The paths of the PEM files of an identity. */
export interface IdentityFiles {
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthorities: readonly string[];
}

/**
 * Returns a function that resolves to the current content of the files. The function reads only changed files, and
 * rejects as `fs` does.
 */
export function identityFiles({ certificate, key, clientAuthorities }: IdentityFiles): () => Promise<Identity> {
  const [readCertificate, readKey] = [fileText(certificate), fileText(key)];
  const readAuthorities = filesText(clientAuthorities);
  return async () => ({
    pair: { certificate: await readCertificate(), key: await readKey() },
    clientAuthorities: await readAuthorities(),
    proofs: [],
  });
}

/** Works as `identityFiles`, but for the texts of a list of files. */
export function filesText(paths: readonly string[]): () => Promise<readonly string[]> {
  const readers = paths.map((path) => fileText(path));
  return () => Promise.all(readers.map((read) => read()));
}
