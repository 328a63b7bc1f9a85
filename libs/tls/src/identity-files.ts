// The certificate, key and client authorities of a server, and the files that contain them. A renewal replaces the
// files while the server runs (decision 0027).
import { fileText } from '@cistern/runtime';
import type { KeyPair } from './key-pair.ts';

/** The certificate that a server sends, and the authorities whose client certificates it accepts. */
export interface Identity {
  /** `undefined` means that there is no certificate yet, and every handshake fails. */
  readonly pair: KeyPair | undefined;
  /** PEM. Empty means that clients need no certificates. */
  readonly clientAuthorities: readonly string[];
  /** The current proofs for an ACME authority with `tls-alpn-01`. */
  readonly proofs: readonly AlpnProof[];
}

export interface AlpnProof {
  readonly host: string;
  readonly pair: KeyPair;
}

export interface IdentityFiles {
  /** The path of a PEM file, like all of these. */
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthorities: readonly string[];
}

/**
 * Returns a function that resolves with the current content of the files. It reads only changed files. Rejects as `fs`
 * does.
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

/** Works as `identityFiles`, for a list of files. */
export function filesText(paths: readonly string[]): () => Promise<readonly string[]> {
  const readers = paths.map((path) => fileText(path));
  return () => Promise.all(readers.map((read) => read()));
}
