// Certificate, key and authorities of a server, and the files that hold them. A renewal replaces these while the server runs
// (decision 0027).
import { fileText } from '@cistern/runtime';
import type { KeyPair } from './key-pair.ts';

/** What a server shows, and whose certificates it accepts. */
export interface Identity {
  /** `undefined`: there is none yet, and every handshake fails. */
  readonly pair: KeyPair | undefined;
  /** PEM; empty: clients show no certificates. */
  readonly clientAuthorities: readonly string[];
  /** What is shown to an ACME authority that asks for a name by `tls-alpn-01` now. */
  readonly proofs: readonly AlpnProof[];
}

export interface AlpnProof {
  readonly host: string;
  readonly pair: KeyPair;
}

export interface IdentityFiles {
  /** PEM files, as all of these. */
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthorities: readonly string[];
}

/** What the files hold now; they are read only when they have changed. Rejects as `fs` does. */
export function identityFiles({ certificate, key, clientAuthorities }: IdentityFiles): () => Promise<Identity> {
  const [readCertificate, readKey] = [fileText(certificate), fileText(key)];
  const readAuthorities = filesText(clientAuthorities);
  return async () => ({
    pair: { certificate: await readCertificate(), key: await readKey() },
    clientAuthorities: await readAuthorities(),
    proofs: [],
  });
}

/** As `identityFiles`, of some files. */
export function filesText(paths: readonly string[]): () => Promise<readonly string[]> {
  const readers = paths.map((path) => fileText(path));
  return () => Promise.all(readers.map((read) => read()));
}
