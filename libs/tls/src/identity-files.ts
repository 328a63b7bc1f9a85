// Certificate, key and authorities as files, which whoever renews them replaces while the server runs (decision 0027).
import { fileText } from '@cistern/runtime';
import type { Identity } from './identity.ts';

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
